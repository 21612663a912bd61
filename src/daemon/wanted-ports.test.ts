import { expect, test } from "bun:test";
import { isPortWanted } from "./wanted-ports.ts";

const wanted = { services: new Set(["web"]), resources: new Set(["db"]) };

test.each([
  ["web", true],
  ["web:9229", true],
  ["resource:db", true],
  ["shared:db:5432", true],
  ["api", false],
  ["api:9229", false],
  ["resource:old", false],
])("%s: %p", (name, is) => {
  expect(isPortWanted(name, wanted)).toBe(is);
});
