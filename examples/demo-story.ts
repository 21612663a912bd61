// What a demo tells: an example with a few branches, and what is looked at once they run side by side.
import type { RunningEnvironment } from "./demo-checks.ts";
import type { World } from "./demo-world.ts";

export type Say = (line: string) => void;

export interface StoryBranch {
  branch: string;
  label: string;
}

/** Where a story is told. */
export interface Stage {
  heading(text: string): void;
  say: Say;
  /** In the colour of the branch. */
  sayOf(branch: StoryBranch): Say;
  /** Throws when there are any. */
  failOn(problems: readonly string[]): void;
  /** Throws after Ctrl-C. */
  goOn(): void;
}

export interface Story {
  /** Name of the repository. */
  name: string;
  /** Message of the first commit. */
  subject: string;
  branches: readonly StoryBranch[];
  /** Why it cannot be told on this machine, in a sentence; null: it can. */
  prevented(): string | null;
  /** Writes the example's files; they are committed afterwards. */
  writeFiles(repository: string): void;
  /** Commits the branches and says what they are. */
  prepare(world: World, say: Say): Promise<void>;
  /** Whether a line of `wt create` is worth to be shown. */
  tellsSomething(line: string): boolean;
  show(world: World, environments: readonly RunningEnvironment[], stage: Stage): Promise<void>;
  /** Commands to look around with while it runs. */
  lookAround: readonly string[];
}
