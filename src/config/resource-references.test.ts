import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseConfig } from "./parse-config.ts";
import { exampleOptions, isMainShared, namedResources, resolveOptions, resourceOrder, sharedOptions } from "./resource-references.ts";

const lookup = (value: string) => () => value;

describe("resolveOptions", () => {
  test("resolves values at any depth, and quotes in commands", () => {
    const options = {
      path: "of/${{ env.slug }}",
      list: ["${{ env.slug }}", 1],
      map: { a: "x${{ env.slug }}" },
      migrate: "run ${{ env.branch }}",
    };
    expect(resolveOptions(options, lookup("it's"), "resources.db")).toEqual({
      path: "of/it's",
      list: ["it's", 1],
      map: { a: "xit's" },
      migrate: "run 'it'\\''s'",
    });
  });

  test("names the option whose value is missing", () => {
    expect(() => resolveOptions({ from: "${{ resources.b.url }}" }, () => null, "resources.db")).toThrow("resources.db.from asks for");
  });

  test("a URL alone stays one; no value changes another part of a URL than its own", () => {
    const url = "postgres://app:s3cret@db.example.com:5432/shop";
    expect(resolveOptions({ url: "${{ resources.b.url }}" }, lookup(url), "r")).toEqual({ url });
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => text.isWellFormed()),
        (value) => {
          const { server } = resolveOptions({ server: "postgres://app:x@localhost:5432/of_${{ env.branch }}" }, lookup(value), "r");
          const parsed = new URL(String(server));
          expect([parsed.username, parsed.host, parsed.hash, parsed.search]).toEqual(["app", "localhost:5432", "", ""]);
          expect(decodeURIComponent(parsed.pathname)).toBe(`/of_${value}`);
        },
      ),
    );
  });
});

test("an order in which each comes after those it names, whatever they name", () => {
  const names = ["a", "b", "c", "d", "e"];
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(4), fc.nat(4)).filter(([from, to]) => from > to)),
      fc.shuffledSubarray(names, { minLength: 5 }),
      (edges, written) => {
        const naming = (name: string) =>
          edges.filter(([from]) => names[from] === name).map(([, to]) => `\${{ resources.${names[to]}.url }}`);
        const resources = Object.fromEntries(written.map((name) => [name, { type: "t", options: { from: naming(name) } }]));
        const order = resourceOrder(resources);
        expect(order.toSorted()).toEqual(names);
        for (const [from, to] of edges) expect(order.indexOf(names[to]!)).toBeLessThan(order.indexOf(names[from]!));
      },
    ),
  );
});

test("circles, which the rules refuse, end", () => {
  const to = (name: string) => ({ type: "t", options: { from: `\${{ resources.${name}.url }}` } });
  expect(resourceOrder({ a: to("b"), b: to("a") }).toSorted()).toEqual(["a", "b"]);
  expect(namedResources(to("b"))).toEqual(["b"]);
});

test("`branch: shared` means the main worktree's unless it says whose", () => {
  expect(isMainShared({ type: "postgres", options: { branch: "shared" } })).toBe(true);
  expect(isMainShared({ type: "postgres", options: { branch: "shared", url: "postgres://a/b" } })).toBe(false);
  expect(isMainShared({ type: "postgres", options: {} })).toBe(false);
  expect(isMainShared({ type: "redis", options: { branch: "shared" } })).toBe(false);
  expect(sharedOptions({ branch: "shared", migrate: "m", variable: "V" }, "u")).toEqual({ branch: "shared", url: "u", variable: "V" });
});

test("examples fit where a URL is meant", () => {
  const resources = { b: { type: "postgres", options: {} }, c: { type: "redis", options: {} } };
  const example = (text: string) => exampleOptions({ type: "t", options: { url: text } }, { resources }).url;
  expect(URL.parse(String(example("${{ resources.b.url }}")))?.protocol).toBe("postgres:");
  expect(URL.parse(String(example("${{ resources.c.url }}")))?.protocol).toBe("redis:");
  expect(URL.parse(String(example("http://${{ env.host }}:${{ services.web.port }}/${{ env.slug }}")))?.host).toBe("localhost:20000");
});

describe("in wt.yaml", () => {
  const problems = (text: string) =>
    parseConfig(text, { path: "wt.yaml", projectFallback: "p", resourceTypes: ["postgres"], resourceProblems: () => [] }).errors.map(
      ({ key, line, message }) => [key, line, message],
    );

  test("names nobody knows, at any depth, are refused with line and key", () => {
    expect(problems('resources:\n  db:\n    type: postgres\n    settings:\n      a: "${{ resources.nope.url }}"\n')).toEqual([
      ["resources.db.settings.a", 5, expect.stringContaining("there is no resource `nope`")],
    ]);
    expect(problems('resources:\n  db:\n    type: postgres\n    inputs:\n      - a\n      - "${{ env.slag }}"\n')).toEqual([
      ["resources.db.inputs[1]", 6, expect.stringContaining('env has no "slag"')],
    ]);
  });

  test("circles are refused with line and key", () => {
    expect(problems('resources:\n  db: { type: postgres, server: "${{ resources.db.url }}" }\n')).toEqual([
      ["resources.db", 2, "resources.db refers to itself: db → db."],
    ]);
  });

  test("what decides the kind cannot depend on a value", () => {
    expect(problems('resources:\n  db: { type: postgres, variable: "${{ env.slug }}" }\n')).toEqual([
      ["resources.db.variable", 2, expect.stringContaining("references are not resolved there")],
    ]);
  });
});
