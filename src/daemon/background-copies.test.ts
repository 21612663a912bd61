import { expect, test } from "bun:test";
import { BackgroundCopies } from "./background-copies.ts";

test("who waits gets all of them, or what the first one that failed threw", async () => {
  const copies = new BackgroundCopies();
  const [one, other] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  copies.begin("node_modules", () => one.promise);
  copies.begin("target", () => other.promise);
  expect(copies.pending).toEqual(["node_modules", "target"]);
  const settled = copies.settled();
  other.reject(new Error("no space"));
  one.resolve();
  await expect(settled).rejects.toThrow("no space");
  expect(copies.pending).toEqual([]);
  // It stays failed: nobody goes on as if the directory were there.
  await expect(copies.settled()).rejects.toThrow("no space");
});

test("stopped, they have taken away what they had made before anything else happens", async () => {
  const copies = new BackgroundCopies();
  const happened: string[] = [];
  copies.begin("node_modules", async () => {
    await new Promise<void>((resolve) => copies.abort.addEventListener("abort", () => resolve()));
    await Bun.sleep(0);
    happened.push("taken away");
    throw copies.abort.reason;
  });
  await copies.stop(new Error("setup failed"));
  expect(happened).toEqual(["taken away"]);
});
