// Databases of their own inside the MySQL or MariaDB server of a compose file.
import { describe, expect, test } from "bun:test";
import { composeApp, composeWorld, lines, projectName } from "../support/compose-app.ts";
import { docker, dockerReason } from "../support/docker.ts";
import { mariadbImage, mariadbImageReason } from "../support/mariadb-image.ts";

const reason = dockerReason() ?? mariadbImageReason();
const minute = 60_000;
/** As people have them: what a URL has to encode, and what Compose would take for a variable. */
const rootPassword = "r%ot/p@ss:w$rd";

function app(image: string, type: "mysql" | "mariadb"): Record<string, string> {
  return {
    ...composeApp(image),
    "wt.yaml": `project: ${projectName}
runtime: compose
compose: { shared: [db] }
resources:
  data:
    type: ${type}
    service: db
    migrate: 'mariadb -h "$MYSQL_HOST" -P "$MYSQL_PORT" -u "$MYSQL_USER" "$MYSQL_DATABASE" < schema.sql'
`,
    "compose.yaml": `services:
  tool:
    image: ${image}
    init: true
    entrypoint: [sleep, "100000"]
    working_dir: /app
    volumes: [".:/app"]
    environment: { DATABASE_URL: "mysql://shop:secret@db/shop" }
    depends_on: { db: { condition: service_healthy } }
  db:
    image: ${image}
    environment:
      MYSQL_ROOT_PASSWORD: '${rootPassword.replaceAll("$", "$$$$")}'
      MYSQL_DATABASE: shop
      MYSQL_USER: shop
      MYSQL_PASSWORD: secret
    healthcheck: { test: [CMD, mariadb-admin, ping, -h, 127.0.0.1, -u, shop, -psecret], interval: 1s, retries: 60 }
    volumes: ["data:/var/lib/mysql"]
volumes: { data: {} }
`,
    "schema.sql": "CREATE TABLE thing (name varchar(50));\n",
  };
}

describe.skipIf(reason !== null)(`MySQL in a shared service${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test.each(["mysql", "mariadb"] as const)(
    "as %s: each environment has a database and a user of its own, which reach nobody else's; undelete brings it back",
    async (type) => {
      using image = mariadbImage();
      await using compose = await composeWorld(() => app(image.name, type));
      const { world } = compose;
      const query = (text: string) => `mariadb -h "$MYSQL_HOST" -P "$MYSQL_PORT" -u "$MYSQL_USER" -BN "$MYSQL_DATABASE" -e "${text}"`;
      const sql = async (name: string, text: string) => {
        const { stdout, stderr, code } = await world.wt(["run", "-e", name, "--", "sh", "-c", query(text)]);
        expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
        return stdout.trim();
      };
      const asRoot = (text: string) =>
        lines(docker("exec", `${projectName}-shared-db-1`, "mariadb", "-h", "127.0.0.1", "-u", "root", `-p${rootPassword}`, "-BNe", text));
      const databases = () => asRoot("show databases like 'wt_%'");
      const url = async (name: string, ...host: string[]) =>
        new URL((await world.ok(["run", "-e", name, ...host, "--", "sh", "-c", 'echo "$DATABASE_URL"'])).trim());
      const env = { WT_UNDELETE_DAYS: "7" };
      await world.ok(["daemon", "stop"]);
      await world.ok(["create", "a"], { env });
      await world.ok(["create", "b"]);
      const [ofA, ofB] = [`wt_${projectName}_a_data`, `wt_${projectName}_b_data`];
      expect(databases()).toEqual([ofA, ofB]);
      const inside = await url("a");
      expect([inside.protocol, inside.host, inside.pathname]).toEqual(["mysql:", "db:3306", `/${ofA}`]);
      const outside = await url("a", "--host");
      expect([outside.hostname, outside.pathname, outside.password]).toEqual(["127.0.0.1", `/${ofA}`, inside.password]);
      await sql("a", "insert into thing values ('of a')");
      expect(await sql("a", "select name from thing")).toBe("of a");
      expect(await sql("b", "select count(*) from thing")).toBe("0");
      const { path } = await world.status("a");
      expect(await world.ok(["db", "psql", "-c", "select name from thing"], { cwd: path })).toContain("of a");
      for (const other of [ofB, "shop", "mysql"]) {
        const ran = await world.wt(["run", "-e", "a", "--", "sh", "-c", query(`use ${other}`)]);
        expect(ran.stderr).toContain("Access denied");
        expect(ran.code).not.toBe(0);
      }

      await world.ok(["db", "reset", "data", "-e", "a", "--yes"]);
      expect(await sql("a", "select count(*) from thing")).toBe("0");
      await sql("a", "insert into thing values ('kept')");
      await world.ok(["delete", "a", "--force"]);
      const refused = await world.wt(["shared", "down", "--volumes"]);
      expect(refused.code).toBe(5);
      await world.ok(["undelete", "a"]);
      expect(await sql("a", "select name from thing")).toBe("kept");
      expect((await url("a", "--host")).href).toBe(outside.href);

      // Deleted while the server is down: it is woken for that.
      await world.ok(["shared", "down"]);
      for (const name of ["a", "b"]) await world.ok(["delete", name, "--force", "--purge"]);
      expect(databases()).toEqual([]);
      expect(asRoot("select user from mysql.user where user like 'wt_%'")).toEqual([]);
      await world.ok(["shared", "down", "--volumes"]);
      expect(compose.things()).toEqual([]);
    },
    4 * minute,
  );
});
