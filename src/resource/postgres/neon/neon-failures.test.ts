// What can go wrong with branches at Neon, against a local FAKE of its API (see `fake-neon.conformance.ts`), never against the service.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import type { WtError } from "../../../errors/wt-error.ts";
import { startTestServer, type TestServer } from "../test-server.conformance.ts";
import type { Fault, SeenRequest } from "./fake-neon.conformance.ts";
import { createNeonWorld, type NeonWorld } from "./neon-harness.conformance.ts";

setDefaultTimeout(60_000);
let server: TestServer;
let world: NeonWorld;
beforeAll(async () => {
  server = await startTestServer({ major: 18 });
});
afterAll(async () => {
  await server.dispose();
});
beforeEach(async () => {
  world = await createNeonWorld(server);
});
afterEach(async () => {
  await world.dispose();
});

const failure = async (promise: Promise<unknown>): Promise<WtError> => {
  const error = (await promise.then(
    () => new Error("it did not fail"),
    (thrown: unknown) => thrown,
  )) as WtError;
  expect(error.message).toMatch(/\.$/);
  expect(JSON.stringify([error.message, error.hints, error.details])).not.toContain(world.neon.key);
  return error;
};
const names = () =>
  world.neon.project
    .all()
    .map(({ name }) => name)
    .sort();
const ensured = async (options = {}) => {
  const spec = await world.spec(options);
  const connection = await world.driver.ensure(spec, world.call());
  return { spec, url: connection.values.url ?? "" };
};
const isChange = ({ method }: SeenRequest) => method !== "GET";
/** At the given change, counted from 1. */
const atChange = (wanted: number, what: ReturnType<Fault>): Fault => {
  let count = 0;
  return (request) => (isChange(request) && ++count === wanted ? what : null);
};
const changesOf = async (work: () => Promise<unknown>): Promise<number> => {
  world.neon.requests.length = 0;
  await work();
  return world.neon.requests.filter(isChange).length;
};

describe("an answer that is lost, against a fake of Neon,", () => {
  const losses: [string, ReturnType<Fault>][] = [
    ["cut before it was done", "cut"],
    ["cut after it was done", "drop"],
    ["an error 500", Response.json({ code: "", message: "internal error" }, { status: 500 })],
  ];
  test.each(losses)("leaves a whole branch or none: %s", async (_, loss) => {
    world.neon.project.knobs.looks = 0;
    const changes = await changesOf(() => ensured());
    expect(changes).toBe(3);
    for (let index = 1; index <= changes; index++) {
      const before = names();
      const spec = await world.spec();
      world.neon.faults.push(atChange(index, loss instanceof Response ? loss.clone() : loss));
      const outcome = await world.driver.ensure(spec, world.call()).then(
        ({ values }) => values.url ?? "",
        (error: WtError) => error,
      );
      world.neon.faults.length = 0;
      if (typeof outcome === "string") {
        expect((await world.driver.observe(spec)).state).toBe("ready");
        expect(await world.query(outcome, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
        expect(names()).toEqual([...before, spec.label].sort());
      } else {
        expect(outcome.message).toMatch(/^resources\.db: Neon could not be asked to .*\.$/);
        expect(names()).toEqual(before);
        expect(existsSync(spec.directory)).toBe(false);
      }
    }
  });

  test("is asked for again where it is refused for the moment (423, 429, 503) or where asking changes nothing", async () => {
    const busy = (status: number) => Response.json({ code: "", message: "later" }, { status, headers: { "retry-after": "0" } });
    for (const status of [423, 429, 503]) {
      const seen = new Set<string>();
      world.neon.faults = [
        ({ method, path }) => {
          const first = !seen.has(`${method} ${path}`);
          seen.add(`${method} ${path}`);
          return first ? busy(status) : null;
        },
      ];
      const { spec, url } = await ensured();
      expect(await world.query(url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
      await world.driver.remove(spec);
    }
    expect(names()).toEqual(["main"]);
  });
});

describe("Ctrl-C, against a fake of Neon,", () => {
  test("leaves a whole branch or none, at whichever request it comes", async () => {
    world.neon.project.knobs.looks = 1;
    world.neon.requests.length = 0;
    const first = await ensured();
    const total = world.neon.requests.length;
    await world.driver.remove(first.spec);
    for (let index = 1; index <= total; index += 2) {
      const spec = await world.spec();
      const abort = new AbortController();
      const reason = new Error("no longer wanted");
      let count = 0;
      world.neon.faults.push(() => {
        if (++count === index) abort.abort(reason);
        return null;
      });
      const outcome = await world.driver.ensure(spec, world.call({ abort: abort.signal })).then(
        () => "ready",
        (error: unknown) => error,
      );
      world.neon.faults.length = 0;
      if (outcome === "ready") expect((await world.driver.observe(spec)).state).toBe("ready");
      else {
        expect(outcome).toBe(reason);
        expect(names()).toEqual(["main"]);
        expect(existsSync(spec.directory)).toBe(false);
      }
      await world.driver.remove(spec);
    }
    expect(names()).toEqual(["main"]);
  });

  test("while a migration of a reset runs brings back what was there", async () => {
    const { spec, url } = await ensured({ migrate: "migrate" });
    await world.query(url, "CREATE TABLE mine AS SELECT 7 AS i");
    const abort = new AbortController();
    const reason = new Error("no longer wanted");
    const run = async () => {
      abort.abort(reason);
      throw reason;
    };
    expect(await world.driver.reset(spec, world.call({ abort: abort.signal, run })).catch((error: unknown) => error)).toBe(reason);
    expect(await world.query(url, "SELECT i FROM mine")).toEqual([{ i: 7 }]);
    expect((await world.driver.observe(spec)).state).toBe("ready");
  });
});

describe("a daemon that is killed, against a fake of Neon,", () => {
  /** Runs the work until the given change and abandons it there; gives the next daemon's driver. */
  const killAt = async (index: number, how: "freeze" | "freeze after", work: () => Promise<unknown>) => {
    const reached = Promise.withResolvers<void>();
    const at = atChange(index, how);
    world.neon.faults.push((request) => {
      const fault = at(request);
      if (fault) reached.resolve();
      return fault;
    });
    work().catch(() => undefined);
    await reached.promise;
    // What was asked for last may still be carried out.
    if (how === "freeze after") await Bun.sleep(50);
    world.neon.faults.length = 0;
    return world.next();
  };

  test.each(["freeze", "freeze after"] as const)(
    "while it makes a branch: the next one makes it whole, or removes it (%s)",
    async (how) => {
      world.neon.project.knobs.looks = 0;
      for (let index = 1; index <= 3; index++) {
        const specs = [await world.spec(), await world.spec()];
        for (const [turn, spec] of specs.entries()) {
          const driver = await killAt(index, how, () => world.driver.ensure(spec, world.call()));
          expect((await driver.observe(spec)).state).not.toBe("ready");
          if (turn === 0) {
            const { values } = await driver.ensure(spec, world.call());
            expect(await world.query(values.url ?? "", "SELECT 1 AS one")).toEqual([{ one: 1 }]);
          }
          await driver.remove(spec);
          expect(names()).toEqual(["main"]);
          expect(existsSync(spec.directory)).toBe(false);
        }
      }
    },
  );

  test.each(["freeze", "freeze after"] as const)("while it resets: the next one brings back what was there (%s)", async (how) => {
    world.neon.project.knobs.looks = 0;
    for (let index = 1; index <= 2; index++) {
      const { spec, url } = await ensured();
      await world.query(url, "CREATE TABLE mine AS SELECT 7 AS i");
      await world.driver.checkpoint(spec, "one");
      const driver = await killAt(index, how, () => world.driver.reset(spec, world.call()));
      expect((await driver.observe(spec)).state).toBe("broken");
      expect((await driver.ensure(spec, world.call())).values.url).toBe(url);
      expect(await world.query(url, "SELECT i FROM mine")).toEqual([{ i: 7 }]);
      await driver.reset(spec, world.call());
      expect(await world.query(url, "SELECT to_regclass('mine')::text AS name")).toEqual([{ name: null }]);
      await driver.restore(spec, "one");
      expect(await world.query(url, "SELECT i FROM mine")).toEqual([{ i: 7 }]);
      await driver.remove(spec);
      expect(names()).toEqual(["main"]);
    }
  });
});

describe("the key", () => {
  test("comes from the caller's variables, is remembered, and stands nowhere on the disk", async () => {
    world.next({});
    const spec = await world.spec();
    expect((await failure(world.driver.ensure(spec, world.call()))).message).toBe(
      "resources.db: the API key of Neon is not known: NEON_API_KEY is not set.",
    );
    // Nothing was asked for yet, so nothing is left to remove.
    await world.driver.remove(spec);
    await world.driver.ensure(spec, world.call({ env: { NEON_API_KEY: world.neon.key } }));
    expect((await world.driver.observe(spec)).state).toBe("ready");
    const written = readdirSync(world.directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"));
    expect(written.length).toBeGreaterThan(0);
    expect(written.join("\n")).not.toContain(world.neon.key);
    expect(world.reports.join("\n")).not.toContain(world.neon.key);
    expect(statSync(join(spec.directory, "neon.json")).mode & 0o777).toBe(0o600);
  });

  test("comes from a file that only its user can read", async () => {
    world.next({});
    const spec = await world.spec();
    const file = join(world.directory, "config/keys/NEON_API_KEY");
    mkdirSync(join(world.directory, "config/keys"), { recursive: true });
    writeFileSync(file, `${world.neon.key}\n`, { mode: 0o644 });
    expect((await failure(world.driver.ensure(spec, world.call()))).message).toBe(
      `resources.db: ${file} can be read by others, so the key in it is not used.`,
    );
    writeFileSync(file, "");
    const { chmodSync } = await import("node:fs");
    chmodSync(file, 0o600);
    writeFileSync(file, `${world.neon.key}\n`);
    await world.driver.ensure(spec, world.call());
  });

  test("goes to no other host, whatever the answer says", async () => {
    const thief: string[] = [];
    const other = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request) => {
        thief.push(request.headers.get("authorization") ?? "");
        return Response.json({});
      },
    });
    world.neon.faults.push(() => new Response(null, { status: 302, headers: { location: `http://127.0.0.1:${other.port}/` } }));
    await failure(world.driver.ensure(await world.spec(), world.call()));
    await other.stop(true);
    expect(thief).toEqual([]);
  });
});

describe("one sentence, against a fake of Neon,", () => {
  const sentence = async (options: object, prepare: () => unknown = () => undefined) => {
    const spec = await world.spec(options as Record<string, string>);
    await prepare();
    const before = names();
    const error = await failure(world.driver.ensure(spec, world.call()));
    expect(names()).toEqual(before);
    expect(existsSync(spec.directory)).toBe(false);
    return error.message;
  };

  test("for a key that is not accepted", async () => {
    world.next({ NEON_API_KEY: "napi_wrong" });
    expect(await sentence({})).toBe("resources.db: Neon does not accept the API key in NEON_API_KEY.");
  });

  test("for a project that is not there", async () => {
    expect(await sentence({ project: "no-such-1" })).toBe(
      "resources.db.project: there is no project no-such-1 at Neon, or the key in NEON_API_KEY may not use it.",
    );
  });

  test("for a parent, database or role that is not there", async () => {
    expect(await sentence({ parent: "staging" })).toBe(
      "resources.db.parent: there is no branch staging in the project quiet-river-12345678.",
    );
    expect(await sentence({ database: "shop" })).toBe("resources.db.database: the branch main has no database shop; it has neondb.");
    expect(await sentence({ role: "nobody" })).toBe("resources.db.role: the branch at Neon has no role nobody.");
  });

  test("for a plan that is full", async () => {
    expect(
      await sentence({}, () => {
        world.neon.project.knobs.limit = 1;
      }),
    ).toMatch(/^resources\.db: Neon did not make the branch .*: branches limit exceeded, BRANCHES_LIMIT_EXCEEDED\.$/);
  });

  test("for an operation that fails", async () => {
    for (const action of ["create_branch", "start_compute", "apply_config"]) {
      expect(
        await sentence({}, () => {
          world.neon.project.knobs.failing = action;
        }),
      ).toBe(`resources.db: Neon's operation ${action} failed: internal failure.`);
    }
  });

  test("for a service that cannot be reached", async () => {
    world.neon.faults.push(() => "cut");
    const message = await sentence({});
    expect(message).toMatch(/^resources\.db: Neon could not be asked to tell about the project: .*\.$/);
  });
});

describe("what is not ours, or is guarded, at the fake of Neon,", () => {
  test("is found over many pages, and another label's branches are left alone", async () => {
    for (const name of ["staging", "wt_shop_n1_db2", "wt_shop_n1_db.other.checkpoint.x"]) await world.neon.project.makeBranch(name);
    const { spec, url } = await ensured({ parent: "staging" });
    expect(world.neon.project.all().find(({ name }) => name === spec.label)?.parentId).toBe(
      world.neon.project.all().find(({ name }) => name === "staging")?.id ?? "",
    );
    await world.query(url, "SELECT 1");
    await world.driver.remove(spec);
    expect(names()).toEqual(["main", "staging", "wt_shop_n1_db.other.checkpoint.x", "wt_shop_n1_db2"]);
  });

  test("a branch that a person protected is not deleted; it is when that is taken back", async () => {
    const { spec } = await ensured();
    const branch = world.neon.project.all().find(({ name }) => name === spec.label);
    if (!branch) throw new Error("no branch");
    branch.protected = true;
    expect(await failure(world.driver.remove(spec))).toMatchObject({
      kind: "refused",
      message: `resources.db: the branch ${spec.label} at Neon is protected now, so it is not deleted.`,
    });
    branch.protected = false;
    await world.driver.remove(spec);
    expect(names()).toEqual(["main"]);
  });

  test("a branch that a person made of ours keeps ours there", async () => {
    const { spec } = await ensured();
    const own = world.neon.project.all().find(({ name }) => name === spec.label);
    await world.neon.project.makeBranch("mine", own?.id ?? null);
    expect((await failure(world.driver.remove(spec))).message).toMatch(/has children/);
    expect(names()).toContain("mine");
  });
});

describe("life of a branch, against a fake of Neon,", () => {
  test("its password is its own: the parent's does not open it, nor its own the parent", async () => {
    const { url } = await ensured();
    expect(url).not.toContain("parent-Secret-1");
    const wrong = url.replace(/:[^:@/]*@/, ":parent-Secret-1@");
    expect(String(await world.query(wrong, "SELECT 1").catch((error: Error) => error))).toContain("password authentication failed");
  });

  test("data differs per branch, and the parent sees none of it", async () => {
    const [one, two] = [await ensured(), await ensured()];
    await world.query(one.url, "CREATE TABLE t AS SELECT 1 AS i");
    expect(await world.query(two.url, "SELECT to_regclass('t')::text AS name")).toEqual([{ name: null }]);
    const three = await ensured();
    expect(await world.query(three.url, "SELECT to_regclass('t')::text AS name")).toEqual([{ name: null }]);
  });

  test("migrations run with the branch's own URL, before it is there under its name", async () => {
    const seen: string[] = [];
    const spec = await world.spec({ migrate: "migrate", seed: "seed" });
    const { values } = await world.driver.ensure(
      spec,
      world.call({
        run: async (command, variables) => {
          expect(names()).not.toContain(spec.label);
          seen.push(command, variables.DATABASE_URL ?? "");
          await world.query(variables.DATABASE_URL ?? "", `CREATE TABLE by_${command} (i int)`);
        },
      }),
    );
    expect(seen).toEqual(["migrate", values.url ?? "", "seed", values.url ?? ""]);
    expect(await world.query(values.url ?? "", "SELECT count(*)::int AS n FROM pg_tables WHERE tablename LIKE 'by\\_%'")).toEqual([
      { n: 2 },
    ]);
  });

  test("resets and restores leave no branches behind that nothing needs", async () => {
    const { spec, url } = await ensured();
    await world.driver.reset(spec, world.call());
    expect(names()).toEqual(["main", spec.label]);
    await world.driver.checkpoint(spec, "one");
    await world.driver.restore(spec, "one");
    await world.driver.removeCheckpoint(spec, "one");
    expect(await failure(world.driver.restore(spec, "one"))).toMatchObject({ kind: "not_found" });
    await world.driver.reset(spec, world.call());
    expect(names()).toEqual(["main", spec.label]);
    expect(await world.query(url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  test("a compute that a person deleted is made again", async () => {
    const { spec } = await ensured();
    const branch = world.neon.project.all().find(({ name }) => name === spec.label);
    if (!branch) throw new Error("no branch");
    world.neon.project.dropEndpoints(branch);
    expect((await world.driver.observe(spec)).state).toBe("broken");
    const { values } = await world.driver.ensure(spec, world.call());
    expect(await world.query(values.url ?? "", "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  test("lost notes: the branch stays, with a new password", async () => {
    const { spec, url } = await ensured();
    await world.query(url, "CREATE TABLE t AS SELECT 1 AS i");
    const { rmSync } = await import("node:fs");
    rmSync(spec.directory, { recursive: true });
    expect((await world.driver.observe(spec)).state).toBe("broken");
    const { values } = await world.driver.ensure(spec, world.call());
    expect(values.url).not.toBe(url);
    expect(await world.query(values.url ?? "", "SELECT i FROM t")).toEqual([{ i: 1 }]);
  });

  test("progress is told", async () => {
    await ensured();
    expect(world.reports).toContain("Neon: making a branch of main");
    expect(world.reports).toContain("Neon: create_branch is running");
  });

  test("removal works while clients are connected", async () => {
    const { spec, url } = await ensured();
    const client = new SQL({ url, max: 1 });
    await client`SELECT 1`;
    await world.driver.remove(spec);
    await client.close({ timeout: 0 }).catch(() => undefined);
    expect(names()).toEqual(["main"]);
  });
});
