import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEngineAccess } from "./engine-access.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "wt-access-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const socket = async (env: Record<string, string>) =>
  (await createEngineAccess({ HOME: home, PATH: process.env.PATH ?? "", ...env }).engine()).socketPath;

test("DOCKER_HOST names the engine; one elsewhere is refused", async () => {
  expect(await socket({ DOCKER_HOST: "unix:///run/own.sock" })).toBe("/run/own.sock");
  for (const host of ["tcp://127.0.0.1:2375", "ssh://somebody@elsewhere"]) {
    expect(await socket({ DOCKER_HOST: host }).catch((error: unknown) => error)).toMatchObject({ kind: "machine", code: "engine_remote" });
  }
});

test("without settings it is the usual socket, and broken settings are no settings", async () => {
  const usual = await socket({});
  expect(usual).toEndWith(".sock");
  mkdirSync(join(home, ".docker"));
  for (const text of ["{", "{}", '{"currentContext": 5}', '{"currentContext": "default"}']) {
    writeFileSync(join(home, ".docker/config.json"), text);
    expect(await socket({})).toBe(usual);
  }
});

test.skipIf(Bun.which("docker") === null)("a context that docker does not know is named", async () => {
  const error = await socket({ DOCKER_CONTEXT: "wt-no-such-context" }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ kind: "machine", code: "engine_context" });
  expect((error as Error).message).toContain("wt-no-such-context");
});

test.skipIf(Bun.which("docker") === null)("the context that was chosen is asked for its socket", async () => {
  const env = { HOME: home, PATH: process.env.PATH ?? "" };
  const made = Bun.spawnSync(["docker", "context", "create", "own", "--docker", "host=unix:///run/own.sock"], { env });
  expect(made.exitCode).toBe(0);
  Bun.spawnSync(["docker", "context", "use", "own"], { env });
  expect(await socket({})).toBe("/run/own.sock");
  expect(await socket({ DOCKER_HOST: "unix:///run/other.sock" })).toBe("/run/other.sock");
});
