// File systems to measure databases on: as root each kind in an image of its own, else the one the temporary directory lies on.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileSystemName } from "../src/os/clone-method.ts";
import { skipped } from "./measure.ts";

export interface Place {
  /** `xfs`, or the kind of the file system that happens to be there. */
  fileSystem: string;
  directory: string;
  /** Bytes taken on the file system, after everything was written; not a number where others write there, too. */
  usedBytes(): number;
  /** Ends what still works in it, and takes it away. */
  remove(): Promise<void>;
}

export interface PlaceKind {
  name: string;
  open(): Place;
}

const imageBytes = 24 * 2 ** 30;
const neededBytes = 14 * 2 ** 30;
const makers: Record<string, string[]> = {
  btrfs: ["mkfs.btrfs", "-q"],
  xfs: ["mkfs.xfs", "-q"],
  // Everything is laid out at once: nothing works in the background during the measurements.
  ext4: ["mkfs.ext4", "-qF", "-i", "65536", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
};
const path = `${process.env.PATH ?? ""}:/usr/sbin:/sbin:/usr/bin:/bin`;

/** The kinds that can be measured here; says which cannot, and why. `what` is measured on them. */
export function placeKinds({ small, what }: { small: boolean; what: string }): PlaceKind[] {
  const parent = placesParent();
  const { bavail, bsize } = statfsSync(parent);
  const free = bavail * bsize;
  if (!small && free < neededBytes) {
    skipped(what, `${parent} has ${(free / 1e9).toFixed(0)} GB free, ${(neededBytes / 1e9).toFixed(0)} are needed`);
    return [];
  }
  const reason = whyNoImages();
  if (reason !== null) {
    skipped(`${what} on btrfs, xfs and ext4 images`, reason);
    return [{ name: "this one", open: openDirectory }];
  }
  const wanted = process.env.BENCH_FILE_SYSTEMS?.split(",") ?? Object.keys(makers);
  return wanted.flatMap((name) => {
    const program = makers[name]?.[0];
    if (!program) throw new Error(`BENCH_FILE_SYSTEMS names ${name}; there are ${Object.keys(makers).join(", ")}.`);
    if (Bun.which(program, { PATH: path })) return [{ name, open: () => openImage(name) }];
    skipped(`databases on ${name}`, `${program} is not installed`);
    return [];
  });
}

/** On the disk: that is where databases lie. */
export function placesParent(): string {
  return process.env.BENCH_DIR ?? tmpdir();
}

function whyNoImages(): string | null {
  if (process.platform !== "linux") return "loop images are made on Linux only";
  if (process.getuid?.() !== 0) return "only root may mount an image";
  const loop = Bun.spawnSync(["losetup", "-f"], { env: { PATH: path }, stdio: ["ignore", "ignore", "ignore"] });
  return loop.exitCode === 0 ? null : "there are no loop devices";
}

/** A directory where the images are made, too. */
export function openDirectory(): Place {
  const directory = mkdtempSync(join(placesParent(), "wt-bench-db-"));
  // Servers run as another user where we are root.
  chmodSync(directory, 0o755);
  return {
    fileSystem: fileSystemName(directory),
    directory,
    usedBytes: () => Number.NaN,
    async remove() {
      await endAllIn(directory);
      unmountBelow(directory);
      rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function openImage(fileSystem: string): Place {
  const root = mkdtempSync(join(placesParent(), "wt-bench-db-"));
  const directory = join(root, fileSystem);
  const image = join(root, "image");
  let mounted = false;
  const remove = async () => {
    await endAllIn(directory);
    unmountBelow(directory);
    if (mounted && !(await unmounted(directory))) must(["umount", "-l", directory]);
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    mkdirSync(directory);
    writeFileSync(image, "");
    truncateSync(image, imageBytes);
    must([...(makers[fileSystem] ?? []), image]);
    const device = must(["losetup", "--direct-io=on", "--find", "--show", image]);
    try {
      must(["mount", device, directory]);
      mounted = true;
    } finally {
      // While it is mounted this only means: give it back afterwards, whoever unmounts it.
      must(["losetup", "--detach", device]);
    }
    for (const each of [root, directory]) chmodSync(each, 0o755);
    return { fileSystem, directory, usedBytes: () => usedBytes(directory), remove };
  } catch (error) {
    if (mounted) must(["umount", "-l", directory]);
    rmSync(root, { recursive: true, force: true });
    throw error;
  }
}

/** What a driver mounted and could not take away, because it was interrupted. */
function unmountBelow(directory: string): void {
  if (!existsSync("/proc/self/mounts")) return;
  const places = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  for (const place of places.filter((each) => each.startsWith(`${directory}/`)).reverse()) must(["umount", "-l", place]);
}

async function unmounted(directory: string): Promise<boolean> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const ran = Bun.spawnSync(["umount", directory], { env: { PATH: path }, stdio: ["ignore", "ignore", "ignore"] });
    if (ran.exitCode === 0) return true;
    await Bun.sleep(100);
  }
  return false;
}

/** Processes that work in the directory can only be ours: it was made for this run. */
async function endAllIn(directory: string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const pids = processesIn(directory);
    if (pids.length === 0) return;
    for (const pid of pids) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // Gone by itself.
      }
    }
    await Bun.sleep(50);
  }
}

/** Linux: those whose working directory lies in it. */
export function processesIn(directory: string): number[] {
  const found: number[] = [];
  let names: string[] = [];
  try {
    names = readdirSync("/proc");
  } catch {
    return [];
  }
  for (const name of names) {
    if (!/^\d+$/.test(name) || name === String(process.pid)) continue;
    try {
      if (readlinkSync(`/proc/${name}/cwd`).startsWith(`${directory}/`)) found.push(Number(name));
    } catch {
      // Another user's, or gone meanwhile.
    }
  }
  return found;
}

function usedBytes(directory: string): number {
  must(["sync", "-f", directory]);
  const { blocks, bfree, bsize } = statfsSync(directory);
  return (blocks - bfree) * bsize;
}

/** Everything that was read is read from the disk again; false where we may not. */
export function dropCaches(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  must(["sync"]);
  try {
    writeFileSync("/proc/sys/vm/drop_caches", "3");
    return true;
  } catch {
    return false;
  }
}

function must(command: string[]): string {
  const ran = Bun.spawnSync(command, { env: { PATH: path, LC_ALL: "C" }, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  if (ran.exitCode !== 0) throw new Error(`${command.join(" ")}: ${ran.stderr.toString().trim()}`);
  return ran.stdout.toString().trim();
}
