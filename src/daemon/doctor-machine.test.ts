import { expect, test } from "bun:test";
import { limitFindings, roomFindings } from "./doctor-machine.ts";

const codes = (findings: { code: string }[]) => findings.map(({ code }) => code);
const roomy = { bavail: 1_000_000, bsize: 4096, files: 1_000_000, ffree: 500_000 };

test("little room on the disk, and few files left, are said with the commands that show what takes it", () => {
  expect(roomFindings("/state", roomy)).toEqual([]);
  expect(roomFindings("/state", { ...roomy, bavail: 25_600 })).toMatchObject([
    { code: "disk_low", message: "Only 100 MB are free where /state is.", fix: "wt gc --dry-run; df -h" },
  ]);
  expect(roomFindings("/state", { ...roomy, ffree: 12 })).toMatchObject([
    { code: "files_low", message: "Only 12 more files can be made where /state is.", fix: "wt gc --dry-run; df -i" },
  ]);
  // btrfs has no number of files that could run out.
  expect(roomFindings("/state", { ...roomy, files: 0, ffree: 0 })).toEqual([]);
});

test("limits of the kernel that a few dev servers use up", () => {
  expect(codes(limitFindings({ watches: 8192, instances: 16 }))).toEqual(["inotify_watches_low", "inotify_instances_low"]);
  expect(limitFindings({ watches: 524_288, instances: 1024 })).toEqual([]);
  expect(limitFindings({ watches: null, instances: null })).toEqual([]);
});
