import { resolve } from "node:path";

/** The command line of this very program, to which the words of a command are added. */
export function ownCommand(): string[] {
  if (isCompiled()) return [process.execPath];
  const root = resolve(import.meta.dir, "../..");
  return [process.execPath, `--config=${root}/bin/bunfig.toml`, "--no-env-file", `${root}/src/main.ts`];
}

/** The files of an executable live in a file system of its own; `import.meta.dir` would name the build machine's. */
function isCompiled(): boolean {
  return Bun.main.startsWith("/$bunfs/");
}
