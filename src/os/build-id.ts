// Which program this is: a daemon of another build than the CLI's is replaced, so both must compute the same answer.
import { join, resolve } from "node:path";

/** Filled in when the executable is built; from source it is computed from the files. */
const builtIn: string | undefined = process.env.WT_BUILD_ID;

let computed: string | undefined;

/** Changes whenever a source file is edited, added or removed. */
export function buildId(): string {
  computed ??= builtIn || sourceBuildId(resolve(import.meta.dir, ".."));
  return computed;
}

/** Uses Bun's own glob and stat: `node:fs` would cost the CLI four milliseconds at every start. */
export function sourceBuildId(sourceDir: string): string {
  let newest = 0;
  let count = 0;
  for (const name of new Bun.Glob("**/*.{ts,json,html,css}").scanSync(sourceDir)) {
    if (name.endsWith(".test.ts")) continue;
    count += 1;
    newest = Math.max(newest, Bun.file(join(sourceDir, name)).lastModified);
  }
  return `dev-${Math.round(newest).toString(36)}-${count}`;
}
