import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { WtError } from "../errors/wt-error.ts";
import { type Command, defineCommand } from "./command.ts";
import { commandTable } from "./command-table.ts";
import { parseCommandArguments, parseLeadingOptions } from "./parse-arguments.ts";

const sample = defineCommand({
  name: "sample",
  summary: "A sample",
  arguments: [{ name: "first", summary: "", required: true }],
  options: {
    from: { type: "string", placeholder: "ref", summary: "" },
    count: { type: "number", short: "n", placeholder: "n", summary: "" },
    force: { type: "boolean", short: "f", summary: "" },
  },
  examples: [],
  handler: async () => 0,
});
const passing: Command = {
  ...sample,
  name: "passing",
  passthrough: true,
  arguments: [{ name: "command", summary: "", required: true, variadic: true }],
};

/** As plain data: the handler's types know exactly this command's options. */
const parsed = (command: Command, argv: string[]): unknown => parseCommandArguments(command, argv).invocation;

function failure(work: () => unknown): WtError {
  try {
    work();
  } catch (error) {
    if (error instanceof WtError) return error;
    throw error;
  }
  throw new Error("Nothing was thrown.");
}

describe("options and arguments", () => {
  test("are read in any order", () => {
    const argv = ["-fn3", "main", "--json", "--from=v1"];
    const { globals } = parseCommandArguments(sample, argv);
    expect(parsed(sample, argv)).toEqual({ options: { from: "v1", count: 3, force: true }, arguments: ["main"] });
    expect(globals.json).toBe(true);
  });

  test("a lone dash is an argument, everything after -- too", () => {
    expect(parseCommandArguments(sample, ["-"]).invocation.arguments).toEqual(["-"]);
    expect(parseCommandArguments(sample, ["--", "--force"]).invocation.arguments).toEqual(["--force"]);
  });

  test("global options may stand before the command", () => {
    const { globals, rest } = parseLeadingOptions(["-C", "/x", "--json", "list", "--all"]);
    expect(globals).toMatchObject({ directory: "/x", json: true });
    expect(rest).toEqual(["list", "--all"]);
  });

  test("run passes on everything from its command on", () => {
    expect(parsed(passing, ["-f", "--from", "x", "npm", "test", "--", "--watch", "-f"])).toEqual({
      options: { from: "x", count: undefined, force: true },
      arguments: ["npm", "test", "--", "--watch", "-f"],
    });
    expect(parsed(passing, ["--", "--weird"])).toMatchObject({ arguments: ["--weird"] });
  });
});

describe("mistakes are usage errors that say what to do", () => {
  test.each([
    [["--forse", "x"], "Unknown option --forse for wt sample.", "Did you mean --force?"],
    [["x", "--from"], "The option --from needs a value: --from <ref>.", "See: wt sample --help"],
    [["x", "--force=3"], "The option --force takes no value.", "See: wt sample --help"],
    [["x", "-n", "many"], 'The option -n needs a whole number, not "many".', "See: wt sample --help"],
    [[], "Missing argument: wt sample <first>.", "See: wt sample --help"],
    [["x", "y"], 'Unexpected argument "y" for wt sample.', "See: wt sample --help"],
  ])("%j", (argv, message, hint) => {
    const error = failure(() => parseCommandArguments(sample, argv));
    expect([error.kind, error.message, error.hints[0]]).toEqual(["usage", message, hint]);
  });
});

test("whatever is typed, a command parses or says what is wrong", async () => {
  const commands = await Promise.all(commandTable.map(({ load }) => load()));
  const word = fc.oneof(
    fc.constantFrom("--json", "--", "-", "-C", "--from", "--from=", "-n", "-nf", "--__proto__", "--constructor", "-é", "--=x"),
    fc.string({ unit: "binary", maxLength: 8 }),
    fc.string({ maxLength: 8 }).map((text) => `--${text}`),
  );
  fc.assert(
    fc.property(fc.constantFrom(...commands, sample, passing), fc.array(word, { maxLength: 6 }), (command, argv) => {
      try {
        parseLeadingOptions(argv);
        parseCommandArguments(command, argv);
      } catch (error) {
        expect(error).toBeInstanceOf(WtError);
        expect((error as WtError).kind).toBe("usage");
      }
    }),
    { numRuns: 500 },
  );
});
