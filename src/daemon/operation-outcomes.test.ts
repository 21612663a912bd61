import { expect, test } from "bun:test";
import { operationHeader } from "../api/endpoints.ts";
import { createOperationOutcomes } from "./operation-outcomes.ts";
import { operationResponse } from "./operation-stream.ts";

const requestOf = (id: string, signal?: AbortSignal) =>
  new Request("http://wt/", { method: "POST", headers: { [operationHeader]: id }, ...(signal ? { signal } : {}) });

test("what was asked, runs, was done, was undone", async () => {
  const outcomes = createOperationOutcomes();
  expect(outcomes.read("a")).toBe("unknown");
  const work = Promise.withResolvers<void>();
  const response = operationResponse(requestOf("a"), async () => work.promise, outcomes);
  expect(outcomes.read("a")).toBe("running");
  work.resolve();
  await response.text();
  expect(outcomes.read("a")).toBe("done");
  await operationResponse(requestOf("b"), () => Promise.reject(new Error("no")), outcomes).text();
  expect(outcomes.read("b")).toBe("undone");
});

test("a caller that went away learns whether its operation was undone or came to its end", async () => {
  const outcomes = createOperationOutcomes();
  for (const [id, heeds] of [
    ["heeds", true],
    ["ends", false],
  ] as const) {
    const caller = new AbortController();
    const work = Promise.withResolvers<void>();
    void operationResponse(
      requestOf(id, caller.signal),
      async ({ abort }) => {
        await work.promise;
        if (heeds) abort.throwIfAborted();
      },
      outcomes,
    );
    caller.abort();
    expect(outcomes.read(id)).toBe("running");
    work.resolve();
    await Bun.sleep(0);
    expect(outcomes.read(id)).toBe(heeds ? "undone" : "done");
  }
});

test("old ones are forgotten, but never one that runs", () => {
  const outcomes = createOperationOutcomes();
  outcomes.begin("long");
  for (let number = 0; number < 500; number++) {
    outcomes.begin(`${number}`);
    outcomes.end(`${number}`, "done");
  }
  expect([outcomes.read("long"), outcomes.read("0"), outcomes.read("499")]).toEqual(["running", "unknown", "done"]);
});
