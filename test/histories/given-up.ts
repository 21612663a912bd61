// What a person has given up by what they said, or by letting the time go by: nobody has to find it again.
import type { DeletedRecord } from "../../src/environment/ledger.ts";
import type { HistoryWorld } from "./history-world.ts";
import { blobId, environmentOf, type Work } from "./model.ts";
import type { Command } from "./operations.ts";

/** Tells what must not be lost all the same. */
export type Stays = (work: Work) => boolean;

interface GivenUp {
  environmentId: string;
  files: boolean;
  /** Also those that are being made. */
  commits: boolean;
  /** Refs below this go. */
  place: string | null;
}

/** Who says `--purge` (and `--force`) has given up everything that is not in a commit; with the branch the commits too. */
export function givenUpBy(history: HistoryWorld, commands: readonly Command[]): Stays {
  return stays(
    history,
    commands.flatMap((command) => {
      if (command.do === "purge") {
        const kept = keptFor(history, command.branch);
        return kept ? [wholly(kept)] : [];
      }
      const environment = command.do === "delete" && command.purge ? environmentOf(history, command.branch) : null;
      if (command.do !== "delete" || !environment) return [];
      const { id: environmentId, branch } = environment;
      const commits = command.withBranch && branch !== null;
      return [{ environmentId, files: command.force, commits, place: commits ? `refs/heads/${branch}` : null }];
    }),
  );
}

/** What is kept of these goes. */
export function givenUpWith(history: HistoryWorld, kept: readonly DeletedRecord[]): Stays {
  return stays(history, kept.map(wholly));
}

/** One of the deleted, whichever number is asked for. */
export function keptFor({ ledger }: HistoryWorld, branch: number): DeletedRecord | null {
  const records = ledger.deleted();
  return records[branch % Math.max(1, records.length)] ?? null;
}

/** Its commits may be on a branch all the same. */
function wholly({ id }: DeletedRecord): GivenUp {
  return { environmentId: id, files: true, commits: false, place: `refs/wt/deleted/${id}` };
}

function stays(history: HistoryWorld, given: readonly GivenUp[]): Stays {
  const gone = onlyBelow(
    history,
    given.flatMap(({ place }) => place ?? []),
  );
  return (work) => {
    const rules = given.filter(({ environmentId }) => environmentId === work.environmentId);
    if (work.in !== "commit") return !rules.some(({ files }) => files);
    return !gone.has(blobId(work.content)) && !rules.some(({ commits }) => commits);
  };
}

/** What no other ref leads to. A branch may hold what was committed in an environment that had it before. */
function onlyBelow({ repository }: HistoryWorld, places: readonly string[]): Set<string> {
  const listed = repository.run(["for-each-ref", "--format=%(refname)"]).split("\n").filter(Boolean);
  const going = listed.filter((ref) => places.some((place) => `${ref}/`.startsWith(`${place}/`)));
  if (going.length === 0) return new Set();
  const objects = repository.run(["rev-list", "--objects", ...going, "--not", ...listed.filter((ref) => !going.includes(ref))]);
  return new Set(objects.split("\n").map((line) => line.slice(0, 40)));
}
