// Which libraries decide how text is sorted. An index made under one version may be wrong under another, and a dump can bring collations of any
// provider along, so a template is only copied while they are the same.
import { release } from "node:os";
import { join } from "node:path";
import { exec } from "../../os/exec.ts";

const known = new Map<string, Promise<string>>();

/** Such as `glibc 2.36, icu 72`. */
export function readCollationLibraries(directory: string): Promise<string> {
  const before = known.get(directory);
  if (before) return before;
  const reading = Promise.all([readLibc(), readIcu(join(directory, "postgres"))]).then((found) => found.join(", "));
  known.set(directory, reading);
  return reading;
}

async function readLibc(): Promise<string> {
  if (process.platform !== "linux") return `${process.platform} ${release()}`;
  const answer = await exec(["getconf", "GNU_LIBC_VERSION"], { cwd: "/", env: { PATH: "/usr/bin:/bin", LC_ALL: "C" } }).catch(() => null);
  return answer?.code === 0 ? answer.stdout.trim() : "other libc";
}

/** By the name of the library that the program asks the loader for: its number is ICU's major version. */
async function readIcu(program: string): Promise<string> {
  return icuNamed(Buffer.from(await Bun.file(program).arrayBuffer()).toString("latin1"));
}

/** `libicui18n.so.72`, `libicui18n.73.dylib`; ICU may also be built in. */
export function icuNamed(text: string): string {
  const named = /libicui18n(?:\.so\.(\d+)|\.(\d+)(?:\.\d+)*\.dylib)/.exec(text);
  return named ? `icu ${named[1] ?? named[2]}` : "no icu";
}
