// File systems in a file, for tests that run as root: made, mounted, and taken away again.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type ImageKind = "btrfs" | "xfs" | "ext4";

/** Why this kind cannot be mounted here; null: it can. */
export function whyNoImage(kind: ImageKind): string | null {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "needs root on Linux";
  if (!Bun.which(`mkfs.${kind}`, { PATH: searchPath })) return `mkfs.${kind} is not installed`;
  if (Bun.spawnSync(["losetup", "-f"], { env: { PATH: searchPath }, stdio: ["ignore", "ignore", "ignore"] }).exitCode !== 0)
    return "there are no loop devices";
  return null;
}

export interface LoopImage extends Disposable {
  /** Where it is mounted. */
  place: string;
}

export function mountLoopImage(kind: ImageKind, megabytes: number): LoopImage {
  const directory = mkdtempSync(join(tmpdir(), "wt-image-"));
  const undo: (() => void)[] = [() => rmSync(directory, { recursive: true, force: true })];
  const dispose = () => {
    for (const step of undo.splice(0).reverse()) step();
  };
  try {
    const image = join(directory, "image");
    writeFileSync(image, "");
    truncateSync(image, megabytes * 1024 * 1024);
    run(`mkfs.${kind}`, kind === "ext4" ? "-qF" : "-q", image);
    const device = run("losetup", "-f", "--show", image);
    undo.push(() => run("losetup", "-d", device));
    const place = join(directory, "mounted");
    mkdirSync(place);
    run("mount", device, place);
    undo.push(() => run("umount", place));
    chmodSync(place, 0o755);
    return { place, [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

const searchPath = `${process.env.PATH}:/usr/sbin:/sbin`;

function run(...command: string[]): string {
  const result = Bun.spawnSync(command, { env: { ...process.env, PATH: searchPath } });
  if (result.exitCode !== 0) throw new Error(`${command.join(" ")}: ${result.stderr.toString()}`);
  return result.stdout.toString().trim();
}
