// The documentation against the repository: links lead somewhere, commands exist, the pages for people who work here stay short.

import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Glob } from "bun";
import { commandTable } from "../src/cli/command-table.ts";
import { story } from "./session-story.ts";

interface Page {
  /** Relative to the repository. */
  name: string;
  text: string;
}

const root = resolve(import.meta.dir, "..");
const longest: Record<string, number> = { "ARCHITECTURE.md": 200, "AGENTS.md": 60 };
const commands = new Set(commandTable.flatMap((entry) => [entry.name, ...entry.aliases]));
/** Projects of the examples: `wt fibonacci earl/other`. */
const projects = new Set(["fibonacci", "shop"]);
/** `db`, `db template`. */
const nouns = new Set(
  commandTable.flatMap(({ name }) =>
    name
      .split(" ")
      .slice(0, -1)
      .map((_, index) => name.split(" ", index + 1).join(" ")),
  ),
);

const pages = await readPages();
const problems = oldRecording(pages).concat(
  pages.flatMap((page) => [...tooLong(page), ...brokenLinks(page), ...unknownCommands(page)]),
  missingFolders(pages),
);
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}

/** The README's session shows what the story does now; its output is from the run that recorded it. */
function oldRecording(all: readonly Page[]): string[] {
  const readme = all.find(({ name }) => name === "README.md")?.text ?? "";
  const session = /<!-- recorded by [^\n]*\n```\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";
  const recorded = [...session.matchAll(/^\$ (.*?)(?: {2,}# .*)?$/gm)].map((match) => match[1]);
  const wanted = story.map(({ line }) => line);
  return recorded.join("\n") === wanted.join("\n")
    ? []
    : ["README.md: its session is not that of scripts/session-story.ts; run scripts/record-session.ts"];
}

async function readPages(): Promise<Page[]> {
  const names = [...new Glob("*.md").scanSync(root), ...new Glob("{docs,examples}/**/*.md").scanSync(root)].filter(
    (name) => !name.includes("node_modules/"),
  );
  return Promise.all(names.sort().map(async (name) => ({ name, text: await Bun.file(join(root, name)).text() })));
}

function tooLong({ name, text }: Page): string[] {
  const limit = longest[name];
  const lines = text.trimEnd().split("\n").length;
  return limit !== undefined && lines > limit ? [`${name}: ${lines} lines; ${limit} is the limit`] : [];
}

/** Relative links, and their anchors within the pages. */
function brokenLinks({ name, text }: Page): string[] {
  const found: string[] = [];
  for (const match of withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)) {
    const target = match[1] ?? "";
    if (/^[a-z]+:/.test(target)) continue;
    const [path = "", anchor] = target.split("#");
    const page = path === "" ? name : join(dirname(name), path);
    if (!existsSync(join(root, page))) found.push(`${name}: the link ${target} leads nowhere`);
    else if (anchor !== undefined && !anchorsOf(page).has(anchor)) found.push(`${name}: ${page} has no heading for #${anchor}`);
  }
  return found;
}

function anchorsOf(name: string): Set<string> {
  const text = pages.find((page) => page.name === name)?.text ?? "";
  return new Set([...text.matchAll(/^#+ (.+)$/gm)].map((match) => anchorOf(match[1] ?? "")));
}

/** As code hosts make it from a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replace(/\s/g, "-");
}

function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, "").replace(/`[^`\n]*`/g, "");
}

/** `wt <command>` in code: inline, and on lines of a block that are commands. */
function unknownCommands({ name, text }: Page): string[] {
  const inline = [...text.replace(/^```[\s\S]*?^```/gm, "").matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? "");
  const blocks = [...text.matchAll(/^```[^\n]*\n([\s\S]*?)^```/gm)].flatMap((match) => (match[1] ?? "").split("\n"));
  const lines = [
    ...inline.filter((code) => code.startsWith("wt ")),
    ...blocks.map((line) => line.replace(/^\$ /, "")).filter(isCommandLine),
  ];
  return [...new Set(lines.flatMap((line) => commandIn(line) ?? []))].map((command) => `${name}: there is no command wt ${command}`);
}

function isCommandLine(line: string): boolean {
  return /^(npx )?wt [a-z_]/.test(line);
}

/** The name of a command that does not exist; null when it does, or when the line names none (`wt --help`, `wt <command>`). */
function commandIn(line: string): string | null {
  const words = line.replace(/^npx /, "").split(/\s+/).slice(1);
  while (words[0]?.startsWith("-")) words.splice(0, words[0] === "-C" ? 2 : 1);
  const named = words.map((word) => word.replace(/[,.;:)]+$/, "")).filter((word) => word !== "");
  const [first = ""] = named;
  if (!/^[a-z][a-z-]*$/.test(first) || nouns.has(named.join(" ")) || projects.has(first)) return null;
  const known = named.some((_, index) => commands.has(named.slice(0, index + 1).join(" ")));
  return known ? null : named.slice(0, 2).join(" ");
}

/** Folders of the code that ARCHITECTURE.md and AGENTS.md name, and files that AGENTS.md sends people to. */
function missingFolders(all: readonly Page[]): string[] {
  return all
    .filter(({ name }) => name in longest)
    .flatMap(({ name, text }) =>
      [...text.matchAll(/`((?:src|test|scripts|docs|bench|examples|bin)\/[\w./-]*)`/g)]
        .map((match) => match[1] ?? "")
        .filter((path) => !existsSync(join(root, path)))
        .map((path) => `${name}: ${path} does not exist`),
    );
}
