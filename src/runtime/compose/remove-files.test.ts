import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { docker, dockerReason } from "../../../test/support/docker.ts";
import { createEngineAccess } from "./engine-access.ts";
import { labels } from "./labels.ts";
import { removeFiles } from "./remove-files.ts";

const whyNot = dockerReason();

describe.skipIf(whyNot !== null)(`removal by a container${whyNot ? ` (skipped: ${whyNot})` : ""}`, () => {
  test("takes the entries that are named, follows no link, and leaves neither a container nor an image", async () => {
    const base = mkdtempSync(join(tmpdir(), "wt-remove-test-"));
    try {
      const directory = join(base, "trash with 'quotes'");
      for (const path of ["-rf/deep", "going", "staying", "../outside"]) mkdirSync(join(directory, path), { recursive: true });
      for (const path of ["-rf/deep/file", "going/file", "staying/file", "../outside/file"]) writeFileSync(join(directory, path), "");
      symlinkSync(join(base, "outside"), join(directory, "going/link"));
      symlinkSync(join(base, "outside"), join(directory, "link"));
      chmodSync(join(directory, "going"), 0);
      const engine = await createEngineAccess(process.env as Record<string, string>).engine();
      const names = ["-rf", "going", "link", "absent"];
      await removeFiles(engine, { directory, names, state: base }, AbortSignal.timeout(60_000));
      expect(readdirSync(directory)).toEqual(["staying"]);
      expect(readdirSync(join(base, "outside"))).toEqual(["file"]);
      expect(docker("ps", "--all", "--quiet", "--filter", `label=${labels.state}=${base}`).trim()).toBe("");
      expect(docker("images", "--quiet", "wt-remove-*").trim()).toBe("");
    } finally {
      rmSync(base, { recursive: true, force: true });
    }
  }, 90_000);
});
