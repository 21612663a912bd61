import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { resourceKinds } from "../../config/resource-kinds.ts";
import { WtError } from "../../errors/wt-error.ts";
import { describeResourceDriver } from "../resource-driver.conformance.ts";
import type { ResourceCall, ResourceOptions, ResourceSpec } from "../resource-driver.ts";
import type { ResourceHarness } from "../resource-harness.conformance.ts";
import { createDirectoryResource, directoryOptions } from "./directory-resource.ts";

interface Place {
  root: string;
  spec(options?: ResourceOptions, overrides?: Partial<ResourceSpec>): ResourceSpec;
  dispose(): void;
}

function createPlace(): Place {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "wt-directory-")));
  let count = 0;
  put(join(root, "main/uploads/first.txt"), "first");
  return {
    root,
    spec(options = { path: "uploads" }, overrides = {}) {
      const number = ++count;
      const worktree = join(root, `worktree${number}`);
      mkdirSync(worktree);
      return {
        environmentId: `env${number}`,
        nonce: `nonce${number}`,
        name: "uploads",
        label: `wt_shop_env${number}_uploads`,
        options,
        directory: join(root, `state/env${number}/uploads`),
        worktree,
        mainWorktree: join(root, "main"),
        main: false,
        port: null,
        ...overrides,
      };
    },
    dispose: () => rmSync(root, { recursive: true, force: true }),
  };
}

function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function call(abort: AbortSignal = new AbortController().signal, lines: string[] = []): ResourceCall {
  return { abort, report: (line) => void lines.push(line), run: () => Promise.reject(new Error("no commands here")) };
}

async function createHarness(): Promise<ResourceHarness> {
  const place = createPlace();
  const specs: ResourceSpec[] = [];
  const make = (options?: ResourceOptions) => {
    const spec = place.spec(options);
    specs.push(spec);
    return spec;
  };
  const file = (path: string | undefined) => join(String(path), "text");
  return {
    driver: createDirectoryResource(),
    reopen: createDirectoryResource,
    spec: async () => make(),
    brokenSpec: async () => make({ path: "uploads", from: "nowhere" }),
    call: (abort) => call(abort),
    write: async (connection, text) => writeFileSync(file(connection.values.path), text),
    read: async (connection) => (existsSync(file(connection.values.path)) ? readFileSync(file(connection.values.path), "utf8") : null),
    holdClient: async () => async () => undefined,
    async makeForeign(spec) {
      put(join(spec.worktree, "uploads/mine.txt"), "mine");
      return async () =>
        readFileSync(join(spec.worktree, "uploads/mine.txt"), "utf8") === "mine" &&
        readdirSync(join(spec.worktree, "uploads")).length === 1;
    },
    async makeHalf(spec) {
      // A copy that the machine's end cut off: the record says what it was about to be.
      put(join(spec.directory, "wt-mark.json"), JSON.stringify({ mark: `${spec.environmentId}/${spec.name}/${spec.nonce}` }));
      put(join(spec.directory, "entry.json"), JSON.stringify({ place: join(spec.worktree, "uploads"), stage: "making", inode: 1 }));
    },
    async dispose() {
      const left = specs.flatMap((spec) => readdirSync(spec.worktree)).filter((name) => name.includes(".wt-"));
      place.dispose();
      expect(left).toEqual([]);
    },
  };
}

describeResourceDriver("the directory driver", createHarness, {
  features: { checkpoints: true, sleep: false, port: false },
  forks: true,
  clients: false,
  valid: [{ path: "uploads" }, { path: "var/data", from: "~/data", variable: "UPLOADS" }],
  invalid: [
    { options: {}, key: "path" },
    { options: { path: "../out" }, key: "path" },
    { options: { path: "uploads", variable: "1x" }, key: "variable" },
    { options: { path: "uploads", form: "x" }, key: "form" },
  ],
});

test("the documented options are those the driver reads", () => {
  expect(Object.keys(resourceKinds.directory.entries).sort()).toEqual(["type", ...Object.keys(directoryOptions)].sort());
});

describe("the directory driver", () => {
  const driver = createDirectoryResource();
  let place: Place;
  beforeEach(() => {
    place = createPlace();
  });
  afterEach(() => place.dispose());

  const failure = async (promise: Promise<unknown>): Promise<WtError> => {
    const thrown = await promise.then(
      () => null,
      (error: unknown) => error,
    );
    expect(thrown).toBeInstanceOf(WtError);
    return thrown as WtError;
  };

  test("copies the main worktree's directory, and each has its own from then on", async () => {
    const spec = place.spec();
    const connection = await driver.ensure(spec, call());
    const copy = join(spec.worktree, "uploads");
    expect(connection).toEqual({ variables: { UPLOADS_PATH: copy }, values: { path: copy, url: `file://${copy}` } });
    expect(readFileSync(join(copy, "first.txt"), "utf8")).toBe("first");
    writeFileSync(join(copy, "first.txt"), "changed");
    expect(readFileSync(join(place.root, "main/uploads/first.txt"), "utf8")).toBe("first");
  });

  test("`from` names another directory; without one there, it begins empty", async () => {
    put(join(place.root, "elsewhere/a"), "a");
    const other = place.spec({ path: "deep/er/uploads", from: join(place.root, "elsewhere"), variable: "FILES" });
    expect((await driver.ensure(other, call())).variables).toEqual({ FILES: join(other.worktree, "deep/er/uploads") });
    expect(readdirSync(join(other.worktree, "deep/er/uploads"))).toEqual(["a"]);
    const empty = place.spec({ path: "cache" });
    await driver.ensure(empty, call());
    expect(readdirSync(join(empty.worktree, "cache"))).toEqual([]);
  });

  test("links that lead out are left out and named, others stay inside the copy", async () => {
    const main = join(place.root, "main/uploads");
    symlinkSync("/etc", join(main, "absolute-out"));
    symlinkSync("../../..", join(main, "relative-out"));
    symlinkSync("first.txt", join(main, "inside"));
    symlinkSync(".", join(main, "self"));
    symlinkSync("self/../../secret", join(main, "tricky"));
    put(join(main, "deep/file"), "");
    symlinkSync(join(main, "first.txt"), join(main, "deep/absolute-inside"));
    const spec = place.spec();
    const lines: string[] = [];
    await driver.ensure(spec, call(undefined, lines));
    const copy = join(spec.worktree, "uploads");
    expect(readdirSync(copy).sort()).toEqual(["deep", "first.txt", "inside", "self"]);
    expect(readlinkSync(join(copy, "inside"))).toBe("first.txt");
    expect(realpathSync(join(copy, "deep/absolute-inside"))).toBe(realpathSync(join(copy, "first.txt")));
    expect(lines.at(-1)).toMatch(/^Left out, .*absolute-out/);
  });

  test("a link in the worktree is no way out of it", async () => {
    const spec = place.spec({ path: "out/uploads", from: "uploads" });
    mkdirSync(join(place.root, "target"));
    symlinkSync(join(place.root, "target"), join(spec.worktree, "out"));
    expect((await failure(driver.ensure(spec, call()))).code).toBe("path_leads_out");
    expect(readdirSync(join(place.root, "target"))).toEqual([]);
    expect(existsSync(spec.directory)).toBe(false);
  });

  test.each([
    ["a link", "link", "is a link, which is not followed"],
    ["a file", "uploads/first.txt", "is not a directory"],
    ["nothing", "nowhere", "does not exist"],
    ["what holds the worktree", "..", "holds the worktree itself"],
  ])("%s is no source", async (_, from, sentence) => {
    symlinkSync("uploads", join(place.root, "main/link"));
    const error = await failure(driver.ensure(place.spec({ path: "uploads", from }), call()));
    expect(error.message).toContain(sentence);
    expect(error.hints[0]).toContain("wt.yaml");
  });

  test("a directory that git keeps with a placeholder is no stranger's", async () => {
    const spec = place.spec();
    put(join(spec.worktree, "uploads/.gitkeep"), "");
    expect(await driver.observe(spec)).toEqual({ state: "absent" });
    await driver.remove(spec);
    expect(existsSync(join(spec.worktree, "uploads/.gitkeep"))).toBe(true);
    await driver.ensure(spec, call());
    expect(existsSync(join(spec.worktree, "uploads/first.txt"))).toBe(true);
  });

  test("a link put in its place is foreign, and its target survives", async () => {
    const spec = place.spec();
    await driver.ensure(spec, call());
    rmSync(join(spec.worktree, "uploads"), { recursive: true });
    symlinkSync(join(place.root, "main/uploads"), join(spec.worktree, "uploads"));
    expect((await driver.observe(spec)).state).toBe("foreign");
    expect((await failure(driver.remove(spec))).kind).toBe("refused");
    expect((await failure(driver.reset(spec, call()))).kind).toBe("refused");
    expect(lstatSync(join(spec.worktree, "uploads")).isSymbolicLink()).toBe(true);
    expect(existsSync(join(place.root, "main/uploads/first.txt"))).toBe(true);
  });

  test("what somebody deleted is broken, and made anew; a failed attempt keeps the checkpoints", async () => {
    const spec = place.spec();
    await driver.ensure(spec, call());
    await driver.checkpoint(spec, "one");
    rmSync(join(spec.worktree, "uploads"), { recursive: true });
    expect((await driver.observe(spec)).state).toBe("broken");
    await failure(driver.ensure({ ...spec, options: { ...spec.options, from: "nowhere" } }, call()));
    await driver.ensure(spec, call());
    await driver.restore(spec, "one");
    expect((await driver.observe(spec)).state).toBe("ready");
  });

  test("a reset that fails changes nothing", async () => {
    const spec = place.spec();
    await driver.ensure(spec, call());
    put(join(spec.worktree, "uploads/own"), "own");
    await failure(driver.reset({ ...spec, options: { ...spec.options, from: "nowhere" } }, call()));
    expect(readdirSync(join(spec.worktree, "uploads")).sort()).toEqual(["first.txt", "own"]);
    expect((await driver.observe(spec)).state).toBe("ready");
  });

  test("the main worktree's own is never changed or removed", async () => {
    const main = join(place.root, "main");
    const spec = place.spec({ path: "uploads" }, { main: true, worktree: main });
    expect(await driver.observe(spec)).toEqual({ state: "absent" });
    await driver.ensure(spec, call());
    expect((await driver.observe(spec)).state).toBe("ready");
    for (const act of [driver.reset(spec, call()), driver.checkpoint(spec, "one"), driver.restore(spec, "one")]) {
      expect((await failure(act)).code).toBe("main_resource");
    }
    await driver.remove(spec);
    expect(readdirSync(join(main, "uploads"))).toEqual(["first.txt"]);
    expect(existsSync(spec.directory)).toBe(false);
  });

  test("after the worktree itself is gone, the rest can still be removed", async () => {
    const spec = place.spec();
    await driver.ensure(spec, call());
    rmSync(spec.worktree, { recursive: true });
    await driver.remove(spec);
    expect(existsSync(spec.directory)).toBe(false);
  });

  test.each(["../x", ".hidden", "", "a/b"])("%j names no checkpoint", async (id) => {
    const spec = place.spec();
    await driver.ensure(spec, call());
    for (const act of [driver.checkpoint(spec, id), driver.restore(spec, id)]) expect((await failure(act)).code).toBe("checkpoint_name");
  });
});
