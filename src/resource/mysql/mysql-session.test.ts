// Whatever the daemon's own environment says about databases, a session goes where it was told to.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { ResourceSpec } from "../resource-driver.ts";
import { loginOfUrl } from "./mysql-connection.ts";
import { createMysqlHarness, type MysqlHarness, whyNoServer } from "./mysql-harness.conformance.ts";
import { asRoot, asUser } from "./mysql-session.ts";
import { serverHome } from "./server-home.ts";

setDefaultTimeout(90_000);

const elsewhere: Record<string, string> = {};
for (const kind of ["MYSQL", "MARIADB"]) {
  Object.assign(elsewhere, { [`${kind}_DATABASE`]: "elsewhere", [`${kind}_HOST`]: "192.0.2.1", [`${kind}_PORT`]: "1" });
  Object.assign(elsewhere, { [`${kind}_USER`]: "somebody", [`${kind}_PASSWORD`]: "wrong" });
  for (const name of [`${kind}_URL`, `TLS_${kind}_DATABASE_URL`]) elsewhere[name] = "mysql://somebody:wrong@192.0.2.1:1/elsewhere";
}
for (const name of ["DATABASE_URL", "TLS_DATABASE_URL"]) elsewhere[name] = "mysql://somebody:wrong@192.0.2.1:1/elsewhere";

let world: MysqlHarness;
let spec: ResourceSpec;
let url = "";
const before = Object.fromEntries(Object.keys(elsewhere).map((name) => [name, process.env[name]]));
beforeAll(async () => {
  if (whyNoServer !== null) return;
  world = await createMysqlHarness();
  spec = await world.spec("told");
  url = (await world.driver.ensure(spec, world.call())).values.url ?? "";
  Object.assign(process.env, elsewhere);
});
afterAll(async () => {
  for (const [name, value] of Object.entries(before)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  if (whyNoServer === null) await world.dispose();
});

describe.skipIf(whyNoServer !== null)("variables of the daemon's environment", () => {
  const who = "SELECT CURRENT_USER() AS account, DATABASE() AS place";

  test("lead neither root nor an app elsewhere", async () => {
    const login = loginOfUrl(url);
    expect(await asRoot(serverHome(spec.directory), (session) => session.query(who))).toEqual([
      { account: "root@localhost", place: "mysql" },
    ]);
    expect(await asUser(login, "resources.db", (session) => session.query(who))).toEqual([{ account: "app@%", place: "app" }]);
    expect(await asUser({ ...login, database: "" }, "resources.db", (session) => session.query(who))).toEqual([
      { account: "app@%", place: "information_schema" },
    ]);
  });

  test("give no password to a user who has none", async () => {
    await asRoot(serverHome(spec.directory), async (session) => {
      await session.query("CREATE USER bare@'%'");
      await session.query("GRANT SELECT ON app.* TO bare@'%'");
    });
    const bare = { ...loginOfUrl(url), user: "bare", password: "" };
    expect(await asUser(bare, "resources.db", (session) => session.query(who))).toEqual([{ account: "bare@%", place: "app" }]);
  });

  test("do not matter to checkpoint, restore, reset, sleep and waking", async () => {
    const { driver } = world;
    await driver.checkpoint(spec, "one");
    await driver.restore(spec, "one");
    await driver.reset(spec, world.call());
    expect(await driver.sleep(spec)).toBe(true);
    await driver.wake(spec);
    expect((await driver.observe(spec)).state).toBe("ready");
  });
});
