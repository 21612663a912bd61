import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { ResourceOptions } from "../resource-driver.ts";
import { parsePostgresOptions } from "./postgres-options.ts";

const problems = (written: ResourceOptions) => {
  const parsed = parsePostgresOptions(written);
  return "problems" in parsed ? parsed.problems : [];
};

test("nothing written is a branch of its own that sleeps after ten minutes", () => {
  expect(parsePostgresOptions({})).toEqual({
    options: {
      mode: "branch",
      variable: "DATABASE_URL",
      version: null,
      from: null,
      migrate: null,
      seed: null,
      mask: null,
      inputs: [],
      stageInputs: null,
      extensions: [],
      locale: null,
      sleepMs: 600_000,
      settings: {},
    },
  });
});

test("what is written is kept", () => {
  const written = {
    version: "15",
    from: "dump.sql",
    migrate: "npm run migrate",
    inputs: "migrations/**",
    sleep: "never",
    settings: { max_connections: 100, jit: false },
  };
  expect(parsePostgresOptions(written)).toMatchObject({
    options: { version: 15, inputs: ["migrations/**"], sleepMs: null, settings: { max_connections: "100", jit: "off" } },
  });
  expect(parsePostgresOptions({ sleep: "90s" })).toMatchObject({ options: { sleepMs: 90_000 } });
  expect(parsePostgresOptions({ branch: "shared", url: "postgres://u@h/d" })).toEqual({
    options: { mode: "shared", variable: "DATABASE_URL", url: "postgres://u@h/d" },
  });
});

describe("what is wrong is named with its key", () => {
  const cases: [ResourceOptions, string, string][] = [
    [{ vesion: 15 }, "vesion", "is not an option of postgres."],
    [{ version: 9 }, "version", "must be a major version of PostgreSQL from 13 on, such as 18."],
    [{ version: "15.3" }, "version", "must be a major version of PostgreSQL from 13 on, such as 18."],
    [{ from: "postgres://prod/app" }, "from", "is the URL of a server; it must be a path of an SQL file or dump."],
    [{ from: 3 }, "from", "must be a text that is not empty."],
    [{ sleep: "soon" }, "sleep", "must be an idle time such as `10m` or `2h`, or `never`."],
    [{ sleep: "0s" }, "sleep", "must be an idle time such as `10m` or `2h`, or `never`."],
    [{ branch: "shared" }, "url", "is missing: the URL of the database that everybody shares."],
    [{ branch: "shared", url: "mysql://h/d" }, "url", "is not the URL of a PostgreSQL database."],
    [{ branch: "shared", url: "postgres://h/d", seed: "x" }, "seed", "has no meaning with `branch: shared`."],
    [{ branch: "mine" }, "branch", "must be `own` (a database for each environment) or `shared`."],
    [{ url: "postgres://h/d" }, "url", "belongs to `branch: shared`; a server that is there already is named by `server:`."],
    [{ variable: "PORT" }, "variable", "is a variable that wt sets itself."],
    [{ inputs: ["a"] }, "inputs", "names files of a migration or seed, but there is neither `migrate:` nor `seed:`."],
    [{ inputs: { seed: ["s"] }, migrate: "x", seed: "y" }, "inputs", "names files of `seed:` alone, but `migrate:` runs before it."],
    [{ inputs: { migrate: ["m"], seed: ["s"] }, migrate: "x" }, "inputs", "names files of `seed:`, which is not there."],
    [{ inputs: { migrate: ["m"], sow: [] }, migrate: "x" }, "inputs", 'has the key "sow", which is no stage of a database.'],
    [{ inputs: { migrate: [1] }, migrate: "x" }, "inputs", "must list texts under migrate."],
    [
      { inputs: { migrate: ["m"] }, migrate: "x", seed: "y", mask: "m.sql" },
      "mask",
      "needs `inputs:`, so that what `migrate:` and `seed:` make is masked too.",
    ],
    [{ mask: "m.sql", seed: "x" }, "mask", "needs `inputs:`, so that what `migrate:` and `seed:` make is masked too."],
    [{ settings: { port: 1 } }, "settings", "cannot set port: worldtree decides it."],
    [{ settings: { archive_command: "rm -rf ~" } }, "settings", "cannot set archive_command: worldtree decides it."],
    [{ settings: { session_preload_libraries: "x" } }, "settings", "cannot set session_preload_libraries: worldtree decides it."],
    [{ settings: { work_mem: "1MB'\nport=1" } }, "settings", "has a value for work_mem that is not a number, a text, true or false."],
    [{ extensions: ['x"; DROP'] }, "extensions", 'holds "x\\"; DROP", which is no name of an extension.'],
  ];
  for (const [written, key, message] of cases) {
    test(JSON.stringify(written), () => expect(problems(written)).toMatchObject([{ key, message: `${key} ${message}` }]));
  }
});

test("whatever is written gives options or sentences, never an exception", () => {
  const key = fc.constantFrom(
    "version",
    "from",
    "migrate",
    "mask",
    "inputs",
    "sleep",
    "settings",
    "branch",
    "url",
    "server",
    "extensions",
    "x",
  );
  fc.assert(
    fc.property(fc.dictionary(key, fc.jsonValue()), (written) => {
      const parsed = parsePostgresOptions(written as ResourceOptions);
      if ("problems" in parsed) for (const problem of parsed.problems) expect(problem.message).toMatch(/\.$/);
      else expect(["branch", "shared", "server"]).toContain(String(parsed.options.mode));
    }),
  );
});
