// The other way to run several worktrees of a Compose project: each with all of the file's services, under a project name of its own, with names and
// ports rewritten by an override that somebody wrote by hand.
import { copyFileSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BenchWorld, freePort } from "./bench-world.ts";

export interface PeerStack {
  /** Compose project name. */
  project: string;
  /** Of the web server. */
  port: number;
  /** Since before the worktree was made. */
  startedMs: number;
}

export interface Peer {
  up(name: string): Promise<PeerStack>;
  down(stack: PeerStack): Promise<void>;
}

const compose = (project: string, ...args: string[]) => [
  ...["docker", "compose", "-p", project, "-f", "compose.yaml", "-f", "compose.override.yaml"],
  ...args,
];

const prefix = "wt-bench-peer-";

/** Its images are built when it resolves, and removed with the world unless they were there before. */
export async function openPeer(world: BenchWorld, repository: string): Promise<Peer> {
  const images = ["bookshelf-backend:dev", "bookshelf-frontend:dev"].filter((image) => !isHere(image));
  const running = new Map<string, PeerStack>();
  const path = ({ project }: PeerStack) => `${repository}.peer/${project.slice(prefix.length)}`;
  const down = async (stack: PeerStack) => {
    await world.run(compose(stack.project, "down", "--volumes", "--timeout", "1"), { cwd: path(stack) });
    await world.git(repository, ["worktree", "remove", "--force", path(stack)]);
    await world.git(repository, ["branch", "-q", "-D", `peer/${stack.project}`]);
    running.delete(stack.project);
  };
  world.atEnd(async () => {
    // The world is closed to new commands by then.
    for (const stack of running.values()) quietly([...compose(stack.project, "down", "--volumes", "--timeout", "1")], path(stack));
    if (images.length > 0) quietly(["docker", "image", "rm", "--force", ...images]);
  });
  // The worker has the same image as the web server.
  await world.run(["docker", "compose", "-f", "compose.yaml", "build", "web", "vite"], { cwd: repository });
  const up = async (name: string): Promise<PeerStack> => {
    const stack = { project: `${prefix}${name}`, port: freePort(), startedMs: performance.now() };
    running.set(stack.project, stack);
    await world.git(repository, ["worktree", "add", "-q", "-b", `peer/${stack.project}`, path(stack)]);
    copyFileSync(join(repository, ".env"), join(path(stack), ".env"));
    writeFileSync(join(path(stack), "compose.override.yaml"), override(stack.port, freePort()));
    await world.run(compose(stack.project, "up", "--detach"), { cwd: path(stack) });
    return stack;
  };
  return { up, down };
}

function override(web: number, vite: number): string {
  return `services:
  web:
    container_name: !reset null
    ports: !override ["127.0.0.1:${web}:8000"]
    environment: { VITE_ORIGIN: "http://localhost:${vite}" }
  vite:
    ports: !override ["127.0.0.1:${vite}:5173"]
  db:
    container_name: !reset null
    ports: !reset []
  redis:
    container_name: !reset null
    ports: !reset []
`;
}

function isHere(image: string): boolean {
  return Bun.spawnSync(["docker", "image", "inspect", image], { stdio: ["ignore", "ignore", "ignore"] }).exitCode === 0;
}

function quietly(command: string[], cwd?: string): void {
  if (cwd === undefined || existsSync(cwd)) Bun.spawnSync(command, { ...(cwd ? { cwd } : {}), stdio: ["ignore", "ignore", "ignore"] });
}
