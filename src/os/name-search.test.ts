import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { searchNames } from "./name-search.ts";

const root = mkdtempSync(join(tmpdir(), "wt-names-"));
afterAll(() => rmSync(root, { recursive: true }));
const name = "wt-pool-3f9a2c1d";
const search = async (entry: string, texts = [name]) =>
  (await searchNames({ root, entries: [entry], texts, abort: new AbortController().signal }))[0]!;

describe("files that hold a name", () => {
  test("in a directory: the first of them, and when things changed", async () => {
    mkdirSync(join(root, "venv/bin"), { recursive: true });
    writeFileSync(join(root, "venv/bin/activate"), "nothing\n");
    writeFileSync(join(root, "venv/bin/pip"), `#!/x/.${name}/venv/bin/python\n`);
    writeFileSync(join(root, "venv/z"), name);
    const found = await search("venv/");
    expect(found.holder).toBe("venv/bin/pip");
    expect(found.changedMs).toContain(Math.round(statSync(join(root, "venv/bin/pip")).ctimeMs));
  });
  test("a file without it, an empty one, one that is gone", async () => {
    writeFileSync(join(root, "plain"), "wt-pool-3f9a2c1");
    writeFileSync(join(root, "empty"), "");
    for (const entry of ["plain", "empty", "gone"]) expect((await search(entry)).holder).toBeNull();
  });
  test("across the border of two slices, and behind the first", async () => {
    for (const before of [1024 * 1024 - 5, 1024 * 1024, 3 * 1024 * 1024 - 1]) {
      writeFileSync(join(root, "large"), Buffer.concat([Buffer.alloc(before, "."), Buffer.from(name), Buffer.alloc(9)]));
      expect((await search("large")).holder).toBe("large");
    }
  });
  test("a link is its text, and is not followed", async () => {
    symlinkSync(`/x/${name}/lib`, join(root, "link"));
    symlinkSync("venv", join(root, "other-link"));
    expect((await search("link")).holder).toBe("link");
    expect((await search("other-link")).holder).toBeNull();
  });
  test("any of several", async () => {
    writeFileSync(join(root, "slot"), "WT_SLOT=712345678\n");
    expect((await search("slot", [name, "712345678"])).holder).toBe("slot");
  });
  test.skipIf(process.getuid?.() === 0)("what cannot be read may", async () => {
    writeFileSync(join(root, "closed"), "nothing");
    chmodSync(join(root, "closed"), 0);
    expect((await search("closed")).holder).toBe("closed");
  });
});
