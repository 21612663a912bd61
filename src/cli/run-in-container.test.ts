import { describe, expect, test } from "bun:test";
import { directoryInside } from "./run-in-container.ts";

const binds = [
  { source: "/repo", target: "/app" },
  { source: "/repo/assets", target: "/srv/assets/" },
];

describe("directoryInside", () => {
  test("the nearest mount counts", () => {
    expect(directoryInside("/repo", { binds })).toBe("/app");
    expect(directoryInside("/repo/shop/views", { binds })).toBe("/app/shop/views");
    expect(directoryInside("/repo/assets/css", { binds })).toBe("/srv/assets/css");
  });

  test("a directory that no mount holds has no place inside", () => {
    expect(directoryInside("/repository", { binds })).toBeNull();
    expect(directoryInside("/elsewhere", { binds })).toBeNull();
  });
});
