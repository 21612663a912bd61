import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { testWorld } from "../../test/support/daemon-world.ts";
import { readLogs } from "./read-logs.ts";
import { setupLogName, setupLogs } from "./setup-logs.ts";

const request = { services: [], follow: true, tail: null, sinceMs: null };
const never = new AbortController().signal;

test("without services there are no logs, and that is said", async () => {
  await using made = await testWorld({ "wt.yaml": "project: shop\n" }, {});
  const read = Array.fromAsync(readLogs(made.world, { target: made.target, ...request }, never));
  const error = await read.catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    kind: "not_found",
    code: "no_services",
    message: "main has no services that wt knows of, so there are no logs.",
  });
});

test("services that were never started have no lines yet", async () => {
  await using made = await testWorld({ "wt.yaml": "project: shop\nservices: { worker: { run: work } }\n" }, {});
  expect(await Array.fromAsync(readLogs(made.world, { target: made.target, ...request }, never))).toEqual([]);
});

test("logs of setup commands are found by their names, in the order in which they began", async () => {
  await using made = await testWorld({ "wt.yaml": "project: shop\n" }, {});
  const none = Array.fromAsync(readLogs(made.world, { target: made.target, ...request, setup: true }, never));
  expect(await none.catch((thrown: unknown) => thrown)).toMatchObject({ kind: "not_found", code: "no_setup_logs" });
  const directory = join(made.repository.base, "logs");
  mkdirSync(directory);
  const commands = ["hook:before_up:1", "setup:10", "resource:my-db", "setup:1"];
  for (const [at, name] of commands.entries()) writeFileSync(join(directory, `${setupLogName(name, 1000 + at)}.log`), "");
  for (const other of ["web.log", "setup-1-1003.json", "setup-1-1003.log.1"]) writeFileSync(join(directory, other), "");
  expect((await setupLogs(directory)).map(({ service }) => service)).toEqual(commands);
});
