import { expect, test } from "bun:test";
import { suggestions } from "./suggest.ts";

const commands = ["create", "list", "status", "switch", "delete", "daemon status"];

test.each([
  ["swich", ["switch"]],
  ["lsit", ["list"]],
  ["stat", ["status", "daemon status"]],
  ["completely-else", []],
  ["", []],
])("%s", (typed, expected) => {
  expect(suggestions(typed, commands)).toEqual(expected);
});
