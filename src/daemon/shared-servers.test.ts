import { describe, expect, test } from "bun:test";
import type { ComposeObject } from "../runtime/compose/transform/compose-model.ts";
import { adminUrl, sharedServers, sharedTargets } from "./shared-servers.ts";

const model = (services: Record<string, ComposeObject>) => ({ name: "shop", services });
const first = (service: ComposeObject) => sharedServers(model({ db: service }), ["db"])[0] ?? null;
const wanted = (type: string) => ({ resource: "data", type, service: "db" });

describe("sharedTargets", () => {
  test("published ports, else exposed ones, and the port of what lives there", () => {
    expect(sharedTargets({ ports: [{ target: 8025, published: "8025" }, { target: 1025 }], expose: ["9"] }, [])).toEqual([1025, 8025]);
    expect(sharedTargets({ expose: ["6379/tcp", "70000"] }, [])).toEqual([6379]);
    expect(sharedTargets({}, ["postgres", "exec"])).toEqual([5432]);
    expect(sharedTargets({ ports: [{ target: 3306 }] }, ["mariadb", "mysql"])).toEqual([3306]);
    expect(sharedTargets({}, [])).toEqual([]);
  });
});

describe("adminUrl", () => {
  test("PostgreSQL by its variables, with what is left out filled in", () => {
    expect(adminUrl(wanted("postgres"), first({ image: "x", environment: { POSTGRES_PASSWORD: "p@ss/word" } }), 20_001)).toBe(
      "postgres://postgres:p%40ss%2Fword@127.0.0.1:20001/postgres",
    );
    const named = { environment: { POSTGRES_USER: "shop", POSTGRES_PASSWORD: "pw", POSTGRES_DB: "main" } };
    expect(adminUrl(wanted("postgres"), first(named), 20_001)).toBe("postgres://shop:pw@127.0.0.1:20001/main");
    expect(adminUrl(wanted("postgres"), first({ image: "postgis/postgis:16", environment: {} }), 1)).toBe(
      "postgres://postgres@127.0.0.1:1/postgres",
    );
  });

  test("MySQL and MariaDB by their root", () => {
    const mysql = first({ image: "mysql:8", environment: { MYSQL_ROOT_PASSWORD: "r", MYSQL_DATABASE: "shop" } });
    expect(adminUrl(wanted("mysql"), mysql, 20_002)).toBe("mysql://root:r@127.0.0.1:20002/shop");
    const mariadb = first({ image: "mariadb", environment: { MARIADB_ROOT_PASSWORD: "r" } });
    expect(adminUrl(wanted("mariadb"), mariadb, 20_002)).toBe("mysql://root:r@127.0.0.1:20002");
  });

  test("Redis with and without a password", () => {
    expect(adminUrl(wanted("redis"), first({ image: "redis:7" }), 20_003)).toBe("redis://127.0.0.1:20003");
    const closed = first({ image: "valkey/valkey", command: ["valkey-server", "--requirepass", "s"] });
    expect(adminUrl(wanted("redis"), closed, 20_003)).toBe("redis://:s@127.0.0.1:20003");
  });

  test("what is another server, or none, is said", () => {
    expect(() => adminUrl(wanted("mysql"), first({ image: "postgres:16" }), 20_001)).toThrow(
      "resources.data lives in the shared service db, which does not look like a mysql server in the compose file.",
    );
    expect(() => adminUrl(wanted("postgres"), null, null)).toThrow("does not look like a postgres server");
  });
});
