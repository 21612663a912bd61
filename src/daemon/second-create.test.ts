import { expect, test } from "bun:test";
import { testWorld } from "../../test/support/daemon-world.ts";
import { createEnvironment } from "./create-environment.ts";

test("a second create of the same branch says what it waits for, and finds the environment of the first", async () => {
  await using at = await testWorld({ "app.txt": "one\n" }, {});
  const request = { cwd: at.repository.root, branch: "x", up: false, env: at.repository.env };
  const [first, second] = [at.call(), at.call()];
  const results = await Promise.all([createEnvironment(at.world, request, first), createEnvironment(at.world, request, second)]);
  const notes = [first, second].map(({ events }) => events.flatMap((event) => (event.type === "note" ? [event.message] : [])));
  const waiting = "Another create of x is under way; waiting for it.";
  expect(notes.flat().filter((note) => note === waiting)).toHaveLength(1);
  expect(results.map(({ created }) => created).toSorted()).toEqual([false, true]);
});
