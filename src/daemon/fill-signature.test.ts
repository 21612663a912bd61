import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGit } from "../git/git.ts";
import { emptyConfig } from "./empty-config.ts";
import { fillSignature, treeSignature } from "./fill-signature.ts";

let root: string;
const git = createGit({ PATH: process.env.PATH ?? "", HOME: tmpdir() });
const abort = new AbortController().signal;
const config = { ...emptyConfig("shop"), copy: [".env", "secrets/*"], clone: ["deps"] };
const signature = (changes: Partial<typeof config> = {}) => fillSignature({ git, from: root, to: root, abort }, { ...config, ...changes });

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "wt-fill-"));
  await git.run(root, ["init", "--quiet"]);
  mkdirSync(join(root, "secrets"));
  mkdirSync(join(root, "deps/a"), { recursive: true });
  for (const name of [".env", "secrets/key", "deps/a/index.js", "other"]) writeFileSync(join(root, name), "one");
  symlinkSync("a", join(root, "deps/link"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test("without anything to bring in it is always the same", async () => {
  expect(await signature({ copy: [], clone: [] })).toBe("");
});

test("what is not copied or cloned does not matter, nor that it was looked at", async () => {
  const before = await signature();
  writeFileSync(join(root, "other"), "another");
  expect(await signature()).toBe(before);
});

const changes: [string, () => void][] = [
  ["a file's content", () => writeFileSync(join(root, ".env"), "other")],
  ["its time alone", () => utimesSync(join(root, "secrets/key"), 1, 1)],
  ["its mode", () => chmodSync(join(root, ".env"), 0o600)],
  ["a file deep in a cloned directory", () => writeFileSync(join(root, "deps/a/index.js"), "longer")],
  ["a new one there", () => writeFileSync(join(root, "deps/a/new.js"), "")],
  ["one that is gone", () => unlinkSync(join(root, "secrets/key"))],
  [
    "where a link leads",
    () => {
      unlinkSync(join(root, "deps/link"));
      symlinkSync("b", join(root, "deps/link"));
    },
  ],
];
test.each(changes)("it changes with %s", async (_name, change) => {
  const before = await signature();
  change();
  expect(await signature()).not.toBe(before);
});

test("it changes with what is asked for", async () => {
  expect(await signature({ clone: [] })).not.toBe(await signature());
});

test("of one file, also of one that is not there", async () => {
  const absent = await treeSignature(join(root, "gone"), abort);
  writeFileSync(join(root, "gone"), "");
  expect(await treeSignature(join(root, "gone"), abort)).not.toBe(absent);
});
