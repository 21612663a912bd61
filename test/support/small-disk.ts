// Disks that are full or read-only: small file systems in memory, for tests that run as root.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { holdInTest } from "./held-in-test.ts";

export interface SmallDisk extends Disposable {
  /** Takes all the space there is. */
  fill(): void;
  empty(): void;
  readOnly(yes: boolean): void;
}

/** Why no disk can be mounted here, or null. */
export const noDisks: string | null = whyNoDisks();

/** Mounts at `path`, which is made when it is not there. What was in it is hidden until the disposal. */
export function smallDisk(path: string, size = "4m"): SmallDisk {
  mkdirSync(path, { recursive: true });
  must(["mount", "-t", "tmpfs", "-o", `size=${size},mode=0700`, "wt-test", path]);
  const filler = join(path, ".filler");
  // Lazily: somebody may still have a file open.
  const unmount = () => must(["umount", "-l", path]);
  const hold = holdInTest(unmount);
  return {
    fill() {
      for (const bytes of [1 << 20, 1 << 16, 1 << 12, 1]) {
        try {
          for (let count = 0; count < 10_000; count++) writeFileSync(filler, Buffer.alloc(bytes), { flag: "a" });
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
        }
      }
    },
    empty: () => writeFileSync(filler, ""),
    readOnly: (yes) => must(["mount", "-o", `remount,${yes ? "ro" : "rw"}`, path]),
    [Symbol.dispose]() {
      hold.release();
      unmount();
    },
  };
}

function whyNoDisks(): string | null {
  if (process.platform !== "linux") return "this is not Linux";
  if (process.getuid?.() !== 0) return "only root may mount a small disk";
  const path = join("/tmp", `wt-mount-${process.pid}`);
  mkdirSync(path, { recursive: true });
  const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=64k", "wt-test", path], { stdout: "ignore", stderr: "ignore" });
  if (mounted.exitCode === 0) Bun.spawnSync(["umount", "-l", path]);
  Bun.spawnSync(["rmdir", path]);
  return mounted.exitCode === 0 ? null : "this machine allows no mounts";
}

function must(command: string[]): void {
  const ran = Bun.spawnSync(command, { stdout: "ignore", stderr: "pipe" });
  if (ran.exitCode !== 0) throw new Error(`${command.join(" ")}: ${ran.stderr.toString()}`);
}
