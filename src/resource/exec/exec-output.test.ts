import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { WtError } from "../../errors/wt-error.ts";
import { parseExecOutput } from "./exec-output.ts";

const expected = { place: "resources.queue.create", variables: null };

function failure(text: string, variables: string[] | null = null): WtError {
  try {
    parseExecOutput(text, { ...expected, variables });
  } catch (error) {
    return error as WtError;
  }
  throw new Error("it was accepted");
}

describe("parseExecOutput", () => {
  test("variables and values, alone or after other lines", () => {
    const json = '{ "variables": { "AMQP_URL": "amqp://x", "POOL": 5 }, "values": { "url": "amqp://x", "tls": false } }';
    const meant = { variables: { AMQP_URL: "amqp://x", POOL: "5" }, values: { url: "amqp://x", tls: "false" } };
    expect(parseExecOutput(json, expected)).toEqual(meant);
    expect(parseExecOutput(`creating…\ndone\n${json}\n\n`, expected)).toEqual(meant);
    expect(parseExecOutput(JSON.stringify(JSON.parse(json), null, 2), expected)).toEqual(meant);
  });

  test("nothing means no variables", () => {
    expect(parseExecOutput(" \n", expected)).toEqual({ variables: {}, values: {} });
    expect(parseExecOutput("{}", { ...expected, variables: [] })).toEqual({ variables: {}, values: {} });
  });

  test.each([
    ["created\n", "resources.queue.create did not print JSON."],
    ["[]", "resources.queue.create printed JSON that is not a map."],
    ['{"url":"x"}', "resources.queue.create printed `url` beside `variables` and `values`."],
    ['{"variables":{"A":[]}}', "resources.queue.create printed `variables` or `values` that are not maps of texts."],
    ['{"values":"x"}', "resources.queue.create printed `variables` or `values` that are not maps of texts."],
    ['{"variables":{"A":"x\\u0000"}}', "resources.queue.create printed `variables` or `values` that are not maps of texts."],
    ['{"variables":{"a-b":"x"}}', "resources.queue.create printed the variable `a-b`, which is not a name a variable can have."],
    ['{"variables":{"WT_ENV":"x"}}', "resources.queue.create printed the variable `WT_ENV`, which is a variable that wt sets itself."],
  ])("%j is refused", (text, message) => {
    const error = failure(text);
    expect(error.message).toBe(message);
    expect(error.hints.at(-1)).toContain("standard output");
  });

  test("the last lines are shown", () => {
    expect(failure("one\ntwo\nthree\n").hints.slice(0, 3)).toEqual(["  one", "  two", "  three"]);
  });

  test("named variables must be printed, and no others", () => {
    expect(failure('{"variables":{"A":"1"}}', ["A", "B"]).message).toContain("did not print the variable B");
    expect(failure('{"variables":{"A":"1","C":"1"}}', ["A"]).message).toContain("printed the variable C");
  });

  test("gives texts or a WtError, whatever is printed", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.jsonValue().map((value) => JSON.stringify({ variables: value })),
        ),
        (text) => {
          try {
            const { variables, values } = parseExecOutput(text, expected);
            return [...Object.values(variables), ...Object.values(values)].every((value) => typeof value === "string");
          } catch (error) {
            return error instanceof WtError && error.message.endsWith(".");
          }
        },
      ),
    );
  });
});
