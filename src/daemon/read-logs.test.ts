import { expect, test } from "bun:test";
import { testWorld } from "../../test/support/daemon-world.ts";
import { readLogs } from "./read-logs.ts";

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
