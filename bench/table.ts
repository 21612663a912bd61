// The rows as a table on the screen and in docs/benchmarks.md.
import { readFileSync, writeFileSync } from "node:fs";
import { arch, cpus, loadavg, release, totalmem, type } from "node:os";
import { basename } from "node:path";
import { embeddedVersion } from "../src/resource/postgres/embedded-package.ts";
import type { BenchRow } from "./gateway.ts";
import { formatted } from "./measure.ts";
import { findWorktrunk } from "./start-and-list.ts";

/** What a suite gives: rows of the one big table, and tables of its own. */
export interface SuiteResult {
  rows: BenchRow[];
  tables: NamedTable[];
}

export interface NamedTable {
  title: string;
  header: string[];
  lines: string[][];
}

export interface Results extends SuiteResult {
  machine: readonly string[];
}

/** Parts of the page that are written by runs of their own, and the suites of each; what is in none of them is in the last. */
export const parts = {
  commands: ["start", "list", "shell"],
  clones: ["clones"],
  databases: ["databases"],
  pool: ["pool"],
  compose: ["compose"],
  "everything else": [],
} as const satisfies Record<string, readonly string[]>;
export type Part = keyof typeof parts;

/** What follows `npm run bench -- `. */
function commandOf(part: Part): string {
  return [...parts[part], "--write"].join(" ");
}

const end = "<!-- /measured -->";
const header = ["what", "measure", "value", "compared with", "ratio", "bar", ""];

function cellsOf(row: BenchRow): string[] {
  const ratio = Number.isNaN(row.ratio) || row.peer === "none" ? "" : `${row.ratio.toFixed(2)} ×`;
  return [
    row.what,
    row.measure,
    formatted(row.value, row.unit),
    row.peer,
    ratio,
    row.bar,
    row.bar === "" ? "" : row.met ? "met" : "NOT MET",
  ];
}

export function printResults({ rows, tables, machine }: Results): void {
  console.log(`\n${machine.join("\n")}\n`);
  if (rows.length > 0) printLines([header, ...rows.map(cellsOf)]);
  for (const table of tables) {
    console.log(`\n${table.title}`);
    printLines([table.header, ...table.lines]);
  }
}

function printLines(lines: readonly (readonly string[])[]): void {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => Bun.stringWidth(line[column] ?? ""))));
  for (const line of lines) {
    const cells = line.map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - Bun.stringWidth(cell)));
    console.log(cells.join("  ").trimEnd());
  }
}

/** Replaces the marked part of the page; everything around it stays. */
export function writeResults(path: string, part: Part, results: Results): void {
  writeFileSync(path, replacePart(readFileSync(path, "utf8"), part, results));
}

export function replacePart(page: string, part: Part, { rows, tables, machine }: Results): string {
  const begin = `<!-- measured: written by \`npm run bench -- ${commandOf(part)}\`, not by hand -->`;
  const from = page.indexOf(begin);
  const to = page.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`The page has no place for the table: a line ${begin} and a line ${end}.`);
  const written = [...(rows.length > 0 ? [{ header, lines: rows.map(cellsOf) }] : []), ...tables].map(markdown);
  const text = [begin, "", ...machine.map((line) => `- ${line}`), "", ...written.flatMap((lines) => [...lines, ""]), ""].join("\n");
  return `${page.slice(0, from)}${text.trimEnd()}\n\n${page.slice(to)}`;
}

function markdown({ header: titles, lines }: { header: string[]; lines: string[][] }): string[] {
  const cellText = (cell: string) => cell.replaceAll("|", "\\|");
  return [titles, titles.map(() => "---"), ...lines].map((cells) => `| ${cells.map(cellText).join(" | ")} |`);
}

/** What the numbers were measured on and with. */
export function describeMachine(directory: string): string[] {
  const processors = cpus();
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  const worktrunk = findWorktrunk();
  const versions: [string, string | null][] = [
    ["Bun", Bun.version],
    ["git", versionOf(["git", "--version"])],
    ["worktrunk", worktrunk?.version ?? null],
    ["Node", versionOf(["node", "--version"])],
    ["Caddy", versionOf(["caddy", "version"])],
    ["wrk", versionOf(["wrk", "--version"])],
    ["Docker", versionOf(["docker", "version", "--format", "{{.Server.Version}}"])],
    ["Compose", versionOf(["docker", "compose", "version", "--short"])],
    ["PostgreSQL (of the comparison)", embeddedVersion.replace(/\.0-.*/, "")],
  ];
  return [
    `Date: ${new Date().toISOString().slice(0, 10)}`,
    `Machine: ${processors.length} × ${processors[0]?.model.trim() ?? "unknown processor"}, ${memory} GB, ${type()} ${release()} ${arch()}`,
    `Files in: ${basename(directory) === "shm" ? "memory (tmpfs)" : "the temporary directory"}; load when it began: ${loadavg()[0]?.toFixed(1)}`,
    `With: ${versions.map(([name, version]) => `${name} ${version ?? "(missing)"}`).join(", ")}`,
  ];
}

function versionOf(command: string[]): string | null {
  if (!Bun.which(command[0] ?? "")) return null;
  const { stdout, stderr } = Bun.spawnSync(command, { stdout: "pipe", stderr: "pipe" });
  return /\d+\.\d+(\.\d+)?/.exec(`${stdout}${stderr}`)?.[0] ?? "?";
}
