// The folder rules of ARCHITECTURE.md, enforced: who may import whom, type imports included.

import { dirname, join, relative, resolve } from "node:path";
import { Glob } from "bun";

const root = resolve(import.meta.dir, "..");
const source = join(root, "src");

/** Folder → folders it may import. A driver folder (`runtime/process`) is its own entry; anything absent is forbidden. */
const allowed: Record<string, string[]> = {
  errors: [],
  api: ["errors"],
  config: ["errors"],
  runtime: ["errors"],
  resource: ["errors"],
  os: ["errors"],
  git: ["os", "errors"],
  gateway: ["os", "errors"],
  telemetry: ["os", "errors"],
  "runtime/*": ["runtime", "os", "errors"],
  "resource/*": ["resource", "os", "errors"],
  environment: ["config", "runtime", "resource", "errors"],
  state: ["environment", "os", "errors"],
  client: ["api", "errors"],
  cli: ["api", "client", "config", "git", "os", "errors"],
  daemon: [
    "api",
    "config",
    "environment",
    "errors",
    "gateway",
    "git",
    "os",
    "resource",
    "resource/*",
    "runtime",
    "runtime/*",
    "state",
    "telemetry",
  ],
  "main.ts": ["cli", "daemon", "errors"],
};

/** Folders that do no I/O at all: no `node:*`, no `bun`, no `Bun.`, no `process.`. */
const pure = new Set(["errors", "config", "environment", "runtime", "resource", "api"]);

function folderOf(file: string): string {
  const parts = relative(source, file).split("/");
  if (parts.length === 1) return parts[0] ?? "";
  const top = parts[0] ?? "";
  return (top === "runtime" || top === "resource") && parts.length > 2 ? `${top}/${parts[1]}` : top;
}

function rulesFor(folder: string): string[] | undefined {
  return allowed[folder] ?? allowed[folder.replace(/\/.*/, "/*")];
}

function permits(rules: string[], from: string, to: string): boolean {
  if (from === to || rules.includes(to)) return true;
  return to.includes("/") && rules.includes(to.replace(/\/.*/, "/*"));
}

const problems: string[] = [];
for (const name of new Glob("**/*.ts").scanSync(source)) {
  const file = join(source, name);
  const from = folderOf(file);
  const rules = rulesFor(from);
  if (!rules) {
    problems.push(`src/${name}: the folder ${from} has no import rule; add one to ARCHITECTURE.md and scripts/check-imports.ts`);
    continue;
  }
  const isTest = name.endsWith(".test.ts") || name.endsWith(".conformance.ts");
  const text = await Bun.file(file).text();
  for (const match of text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)) {
    const target = match[1] ?? "";
    if (target.startsWith(".")) {
      const to = folderOf(resolve(dirname(file), target));
      if (relative(source, resolve(dirname(file), target)).startsWith("..")) {
        if (!isTest && !target.endsWith("package.json")) problems.push(`src/${name}: imports ${target}, which is outside src`);
      } else if (!isTest && !permits(rules, from, to)) {
        problems.push(`src/${name}: ${from} may not import ${to} (allowed: ${rules.join(", ") || "nothing"})`);
      }
    } else if (!isTest && pure.has(from) && (target.startsWith("node:") || target.startsWith("bun"))) {
      problems.push(`src/${name}: ${from} does no I/O and may not import ${target}`);
    }
  }
  if (!isTest && pure.has(from) && /\b(Bun|process|globalThis\.process)\./.test(text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, ""))) {
    problems.push(`src/${name}: ${from} does no I/O and may not use Bun.* or process.*`);
  }
}
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
