// How a data directory is copied on this machine: tried out, and believed only when the blocks are seen to be shared.
import { existsSync, statfsSync, statSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "./exec.ts";
import { readExtents } from "./extents.ts";
import { removeTree, writeFileAtomic } from "./files.ts";
import { probeOverlay } from "./overlay-directory.ts";

export type CloneMethod = "btrfs-snapshot" | "reflink" | "clonefile" | "copy";

export interface CloneProbe {
  method: CloneMethod;
  /** What was seen that proves it. */
  proof: string;
  /** Better methods that were tried, and why they were not taken. */
  rejected: { method: CloneMethod | "overlay"; reason: string }[];
  /** What large ones are made by where `method` is a full copy; null: by that too. */
  large: { method: "overlay"; fromBytes: number; proof: string } | null;
  fileSystem: string;
  /** Names the pair of file systems the probe holds for. */
  key: string;
  checkedAtMs: number;
}

const fileSystems = new Map([
  [0x9123683e, "btrfs"],
  [0x58465342, "xfs"],
  [0xef53, "ext4"],
  [0x2fc12fc1, "zfs"],
  [0x794c7630, "overlayfs"],
  [0x01021994, "tmpfs"],
  [0xca451a4e, "bcachefs"],
  [0x6969, "nfs"],
]);

export function fileSystemName(path: string): string {
  if (process.platform === "darwin") return "apfs";
  const { type } = statfsSync(path);
  return fileSystems.get(type) ?? `0x${type.toString(16)}`;
}

export interface ProbePlaces {
  /** Where templates lie. */
  source: string;
  /** Where branches lie; exists. */
  target: string;
  path: string;
  nowMs: number;
  overlayFromBytes?: number | undefined;
}

/** From this size on an overlay is made: a first use of a table copies all of it then, but below a plain copy is as fast and simpler. */
const overlayFromBytes = 300 * 1024 * 1024;

/** What is to be done for a directory of this size. */
export function methodFor({ method, large }: CloneProbe, bytes: number): CloneMethod | "overlay" {
  return large !== null && bytes >= large.fromBytes ? large.method : method;
}

/** For people. */
export function methodWords(method: string): string {
  if (method === "copy") return "full copy";
  return method === "overlay" ? "overlay (the first use of a table copies it whole)" : `copy-on-write (${method})`;
}

/** Finds the best method from `source` to `target` by trying; leaves nothing behind. */
export async function probeCloneMethod(places: ProbePlaces): Promise<CloneProbe> {
  const probe = await probeSharing(places);
  if (probe.method !== "copy") return probe;
  const outcome = await probeOverlay(places.source, places.target);
  if ("proof" in outcome)
    return { ...probe, large: { method: "overlay", fromBytes: places.overlayFromBytes ?? overlayFromBytes, proof: outcome.proof } };
  return { ...probe, rejected: [...probe.rejected, { method: "overlay", reason: outcome.reason }] };
}

async function probeSharing({ source, target, path, nowMs }: ProbePlaces): Promise<CloneProbe> {
  const fileSystem = fileSystemName(source);
  const rejected: CloneProbe["rejected"] = [];
  const found = (method: CloneMethod, proof: string): CloneProbe => ({
    method,
    proof,
    rejected,
    large: null,
    fileSystem,
    key: pairKey(source, target),
    checkedAtMs: nowMs,
  });
  if (statSync(source).dev !== statSync(target).dev && fileSystem !== "btrfs") {
    rejected.push({ method: "reflink", reason: "templates and branches lie on different file systems" });
    return found("copy", "every byte is copied");
  }
  const name = `.probe-${crypto.randomUUID().slice(0, 8)}`;
  const places = { from: join(source, name), to: join(target, `${name}-copy`), path };
  for (const method of candidates(fileSystem)) {
    try {
      const outcome = await tryMethod(method, places);
      if ("proof" in outcome) return found(method, outcome.proof);
      rejected.push({ method, reason: outcome.reason });
    } finally {
      await removeTree(places.from);
      await removeTree(places.to);
    }
  }
  if (fileSystem === "zfs") rejected.push({ method: "reflink", reason: "block cloning on ZFS has damaged files in several releases" });
  return found("copy", "every byte is copied");
}

export function pairKey(source: string, target: string): string {
  const size = statfsSync(source).blocks;
  return `2-${statSync(source).dev}-${statSync(target).dev}-${fileSystemName(source)}-${size}`;
}

function candidates(fileSystem: string): CloneMethod[] {
  if (process.platform === "darwin") return ["clonefile"];
  if (fileSystem === "zfs") return [];
  return fileSystem === "btrfs" ? ["btrfs-snapshot", "reflink"] : ["reflink"];
}

const probeBytes = 1 << 20;

async function tryMethod(
  method: CloneMethod,
  { from, to, path }: { from: string; to: string; path: string },
): Promise<{ proof: string } | { reason: string }> {
  const made = await makeDataDirectory(from, method, path);
  if (!made) return { reason: "the program btrfs is missing or may not make a subvolume here" };
  const random = new Uint8Array(probeBytes);
  for (let at = 0; at < probeBytes; at += 65_536) crypto.getRandomValues(random.subarray(at, at + 65_536));
  await writeFile(join(from, "probe"), random, { flush: true });
  const before = statfsSync(from);
  const result = await runClone(method, { from, to, path }).catch((error: Error) => error.message);
  if (result !== null) return { reason: result };
  const [one, other] = [await readExtents([join(from, "probe")], path), await readExtents([join(to, "probe")], path)];
  if (one && other) {
    const same = one.extents.length > 0 && one.extents.every((extent, index) => extent.physical === other.extents[index]?.physical);
    if (same)
      return { proof: `a probe file and its copy lie in the same ${one.extents.length} extent(s) at block ${one.extents[0]?.physical}` };
    return { reason: "the copy has blocks of its own" };
  }
  await exec(["sync"], { cwd: "/", env: { PATH: path } });
  const after = statfsSync(from);
  const takenBytes = (before.bfree - after.bfree) * after.bsize;
  if (takenBytes < probeBytes / 2) return { proof: `copying ${probeBytes} bytes took ${Math.max(0, takenBytes)} bytes of free space` };
  return { reason: `copying ${probeBytes} bytes took ${takenBytes} bytes of free space` };
}

/** Makes the directory a template or branch grows in, as the method needs it. False: it cannot be made so, and nothing is there. */
export async function makeDataDirectory(directory: string, method: CloneMethod, path: string): Promise<boolean> {
  if (method !== "btrfs-snapshot") {
    await mkdir(directory, { mode: 0o700 });
    return true;
  }
  const env = { PATH: `${path}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: "C" };
  const made = await exec(["btrfs", "subvolume", "create", directory], { cwd: "/", env }).catch(() => null);
  if (made?.code !== 0) return false;
  // Without copy-on-write inside of the files a branch writes almost twice as fast; database servers have checksums of their own.
  await exec(["chattr", "+C", directory], { cwd: "/", env }).catch(() => null);
  await exec(["chmod", "700", directory], { cwd: "/", env });
  return true;
}

/** Newer cp shares blocks by itself where it can. On ZFS that is block cloning, which has damaged files in several releases. */
export function plainCopy(fileSystem: string): string[] {
  return fileSystem === "zfs" ? ["cp", "-a", "--reflink=never"] : ["cp", "-a"];
}

/** Copies `from` to `to`, which is absent; null: done, else why not (then nothing is left). */
export async function runClone(
  method: CloneMethod,
  { from, to, path, abort }: { from: string; to: string; path: string; abort?: AbortSignal },
): Promise<string | null> {
  const commands: Record<CloneMethod, string[]> = {
    "btrfs-snapshot": ["btrfs", "subvolume", "snapshot", from, to],
    reflink: ["cp", "-a", "--reflink=always", from, to],
    clonefile: ["/bin/cp", "-c", "-R", "-p", from, to],
    copy: process.platform === "darwin" ? ["/bin/cp", "-R", "-p", from, to] : [...plainCopy(fileSystemName(from)), from, to],
  };
  const env = { PATH: `${path}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: "C" };
  try {
    const result = await exec(commands[method], { cwd: "/", env, ...(abort ? { abort } : {}) });
    if (result.code === 0) return null;
    await removeTree(to);
    return (
      result.stderr
        .trim()
        .split("\n")
        .at(-1)
        ?.replace(/^cp: (failed to clone .* from .*(?=: ))?/, (_, clone) => (clone ? "a file could not be cloned" : "")) ||
      `the program ended with code ${result.code}`
    );
  } catch (error) {
    await removeTree(to);
    throw error;
  }
}

/** The probe kept in `file` while it fits these file systems, else a new one that is then kept. */
export async function readCloneMethod(file: string, places: ProbePlaces): Promise<CloneProbe> {
  const key = pairKey(places.source, places.target);
  const kept = existsSync(file) ? await readFile(file, "utf8").then(parseProbe) : null;
  if (kept?.key === key) return kept;
  const probe = await probeCloneMethod(places);
  await writeFileAtomic(file, `${JSON.stringify(probe, null, 2)}\n`, { mode: 0o600 });
  return probe;
}

/** null for what we did not write. */
export function parseProbe(text: string): CloneProbe | null {
  try {
    const probe = JSON.parse(text) as CloneProbe;
    const known = ["btrfs-snapshot", "reflink", "clonefile", "copy"].includes(probe.method);
    return known && probe.large !== undefined && typeof probe.key === "string" && typeof probe.proof === "string" ? probe : null;
  } catch {
    return null;
  }
}
