// A Docker engine of a test's own, beside the machine's: its disk can be filled, and it can be killed. Everything of it lies on a small disk in a file.
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dockerAt } from "./docker.ts";
import { holdInTest } from "./held-in-test.ts";
import { eventually } from "./hermetic-world.ts";
import { noDisks } from "./small-disk.ts";

export interface OwnEngine extends AsyncDisposable {
  /** `unix://…`, for DOCKER_HOST. */
  endpoint: string;
  /** `docker` on this engine. */
  docker(...args: string[]): string;
  /** As a crash of it, or an update: what its containers do is for the engine to say when it is back. */
  kill(): Promise<void>;
  /** Ends it in order, and its containers with it. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Takes all the space there is on its disk. */
  fill(): void;
  empty(): void;
}

export interface EngineOptions {
  megabytes: number;
  /** Containers go on while the engine is away. */
  liveRestore?: boolean;
}

/** Why no second engine can run here; null: one can. */
export function noOwnEngine(): string | null {
  if (noDisks !== null) return noDisks;
  const missing = ["dockerd", "containerd", "mkfs.ext4", "losetup", "busybox"].find((program) => Bun.which(program) === null);
  return missing === undefined ? null : `there is no ${missing} here`;
}

export async function ownEngine({ megabytes, liveRestore = false }: EngineOptions): Promise<OwnEngine> {
  const directory = mkdtempSync(join(tmpdir(), "wt-engine-"));
  const disk = join(directory, "disk");
  const socket = join(directory, "socket");
  const image = join(directory, "image");
  mkdirSync(disk);
  let running: Bun.Subprocess | null = null;
  const removeAll = () => {
    unmountBelow(directory);
    Bun.spawnSync(["busybox", "ip", "link", "del", bridgeOf(directory)]);
    rmSync(directory, { recursive: true, force: true });
  };
  const end = async (signal: "SIGTERM" | "SIGKILL") => {
    const ending = running;
    running = null;
    ending?.kill(signal);
    await ending?.exited;
    await forgetContainerd(directory);
  };
  const giveUp = async () => {
    await end("SIGKILL");
    await endContainers(directory);
    removeAll();
  };
  const hold = holdInTest(giveUp);
  const start = async () => {
    const log = openSync(join(directory, "log"), "a");
    running = Bun.spawn(["dockerd", ...engineArguments(directory), ...(liveRestore ? ["--live-restore"] : [])], {
      cwd: directory,
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    const started = running;
    const answers = await eventually(
      () => started.exitCode !== null || Bun.spawnSync(["docker", "--host", `unix://${socket}`, "version"]).exitCode === 0,
      Boolean,
    );
    if (!answers || started.exitCode !== null)
      throw new Error(`The engine does not start:\n${readFileSync(join(directory, "log"), "utf8").slice(-1500)}`);
  };
  try {
    must(["truncate", "--size", `${megabytes}M`, image]);
    must(["mkfs.ext4", "-q", "-F", "-m", "0", image]);
    must(["mount", "-o", "loop", image, disk]);
    makeBridge(directory);
    await start();
  } catch (error) {
    hold.release();
    await giveUp();
    throw error;
  }
  const filler = join(disk, "filler");
  const docker = dockerAt(`unix://${socket}`);
  return {
    endpoint: `unix://${socket}`,
    docker,
    start,
    kill: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
    fill: () => fill(filler),
    empty: () => rmSync(filler, { force: true }),
    async [Symbol.asyncDispose]() {
      hold.release();
      await end("SIGTERM");
      const left = await endContainers(directory);
      removeAll();
      // After a live restore, or a death of it, containers may well be there.
      if (left.length > 0 && !liveRestore) throw new Error(`the engine left containers behind: ${left.join(", ")}`);
    },
  };
}

/** `--bridge=none` would take docker0 away from the machine's own engine, so it has a bridge of its own. */
function bridgeOf(directory: string): string {
  return `wtb-${directory.slice(-6)}`;
}

function makeBridge(directory: string): void {
  const part = () => Math.floor(Math.random() * 250);
  must(["busybox", "ip", "link", "add", bridgeOf(directory), "type", "bridge"]);
  must(["busybox", "ip", "addr", "add", `10.254.${part()}.${(part() & ~7) | 1}/29`, "dev", bridgeOf(directory)]);
  must(["busybox", "ip", "link", "set", bridgeOf(directory), "up"]);
}

/** Neither its bridge nor its rules of the firewall: those of the machine's engine stay as they are. */
function engineArguments(directory: string): string[] {
  const exec = join(directory, "exec");
  const places = ["--data-root", join(directory, "disk/data"), "--exec-root", exec, "--pidfile", join(directory, "pid")];
  const apart = [`--bridge=${bridgeOf(directory)}`, "--iptables=false", "--ip6tables=false", "--ip-forward=false"];
  return [...places, "--host", `unix://${join(directory, "socket")}`, ...apart];
}

/** It dies with the engine that started it; as long as nobody has reaped it, the next engine would take it for alive. */
async function forgetContainerd(directory: string): Promise<void> {
  const file = join(directory, "exec/containerd/containerd.pid");
  const pid = existsSync(file) ? readFileSync(file, "utf8").trim() : "";
  if (pid === "") return;
  await eventually(
    () => commandLine(pid),
    (command) => !command.includes("containerd"),
  );
  rmSync(file, { force: true });
}

/** Those whose engine is away: their keepers name it on their command line. Gives what was there. */
async function endContainers(directory: string): Promise<string[]> {
  const keepers = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && commandLine(pid).includes(`${directory}/exec`));
  const pids = keepers.flatMap((pid) => [...childrenOf(pid), pid]);
  const commands = pids.map(commandLine);
  for (const pid of pids) {
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It went with the one before.
    }
  }
  await eventually(
    () => pids.some((pid) => commandLine(pid) !== ""),
    (alive) => !alive,
  );
  return commands;
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

function childrenOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
  } catch {
    return [];
  }
}

function unmountBelow(directory: string): void {
  const points = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((point) => point.startsWith(`${directory}/`));
  for (const point of points.reverse()) Bun.spawnSync(["umount", "-l", point]);
}

function fill(filler: string): void {
  for (const bytes of [1 << 20, 1 << 16, 1 << 12]) {
    try {
      for (let count = 0; count < 100_000; count++) writeFileSync(filler, Buffer.alloc(bytes), { flag: "a" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    }
  }
}

function must(command: string[]): void {
  const ran = Bun.spawnSync(command, { stdout: "ignore", stderr: "pipe" });
  if (ran.exitCode !== 0) throw new Error(`${command.join(" ")}: ${ran.stderr.toString()}`);
}
