// Writes every file that is made from code. `--check` writes nothing and fails with the name of each file that is not up to date.
import { mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { generateCliReference } from "./generate-cli-reference.ts";
import { generateConfigReference } from "./generate-config-reference.ts";
import { generateSchemas } from "./generate-schemas.ts";

export interface GeneratedFile {
  /** Relative to the repository. */
  path: string;
  text: string;
}

/** Each gives the files it is responsible for; add yours here. */
const generators: (() => GeneratedFile[] | Promise<GeneratedFile[]>)[] = [generateSchemas, generateConfigReference, generateCliReference];

const root = resolve(import.meta.dir, "..");
const check = process.argv.includes("--check");
const stale: string[] = [];
for (const generate of generators) {
  for (const { path, text } of await generate()) {
    const file = Bun.file(resolve(root, path));
    if ((await file.exists()) && (await file.text()) === text) continue;
    stale.push(path);
    if (check) continue;
    await mkdir(dirname(resolve(root, path)), { recursive: true });
    await Bun.write(file, text);
    console.log(`wrote ${path}`);
  }
}
if (check && stale.length > 0) {
  console.error(`Not up to date: ${stale.join(", ")}. Run \`npm run generate\` and commit the result.`);
  process.exit(1);
}
