// The schema of a real database of MariaDB or MySQL as text.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { ResourceContent, ResourceSpec } from "../resource-driver.ts";
import { createMysqlHarness, type MysqlHarness, whyNoServer } from "./mysql-harness.conformance.ts";

setDefaultTimeout(90_000);
const never = new AbortController().signal;

let world: MysqlHarness;
let spec: ResourceSpec;
let url = "";
beforeAll(async () => {
  if (whyNoServer !== null) return;
  world = await createMysqlHarness();
  spec = await world.spec("inspected");
  url = (await world.driver.ensure(spec, world.call())).values.url ?? "";
});
afterAll(async () => {
  if (whyNoServer === null) await world.dispose();
});

const inspect = async (wake = true) => (await world.driver.inspect?.(spec, { rows: true, wake, abort: never })) as ResourceContent;

describe.skipIf(whyNoServer !== null)("a database of MySQL", () => {
  test("is read whole, sorted, without what is content; a sleeping one sleeps again", async () => {
    for (const sql of [
      "CREATE TABLE customers (name varchar(40) NOT NULL DEFAULT 'x', id int AUTO_INCREMENT PRIMARY KEY, UNIQUE KEY by_name (name))",
      "CREATE TABLE orders (id int PRIMARY KEY, customer int, CONSTRAINT fk FOREIGN KEY (customer) REFERENCES customers (id))",
      "INSERT INTO customers (name) VALUES ('a'), ('b')",
      "CREATE VIEW named AS SELECT c.name FROM customers c",
      "CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW SET NEW.customer = 1",
      "CREATE FUNCTION twice(n int) RETURNS int DETERMINISTIC RETURN n * 2",
      "CREATE PROCEDURE nothing() SELECT 1",
    ]) {
      await world.query(url, sql);
    }
    const { version, objects, rows } = await inspect();
    expect(version).toMatch(/^(MariaDB|MySQL) \d+\.\d+\.\d+$/);
    expect(objects.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      "function twice",
      "procedure nothing",
      "table customers",
      "table orders",
      "trigger t ON orders",
      "view named",
    ]);
    const definition = (name: string) => objects.find((one) => one.name === name)?.definition ?? "";
    expect(definition("customers").split("\n").slice(0, 4)).toEqual([
      "PRIMARY KEY (`id`)",
      "UNIQUE KEY `by_name` (`name`)",
      expect.stringMatching(/^`id` int(\(11\))? NOT NULL AUTO_INCREMENT$/),
      "`name` varchar(40) NOT NULL DEFAULT 'x'",
    ]);
    expect(definition("customers")).not.toContain("AUTO_INCREMENT=");
    expect(definition("orders")).toContain("CONSTRAINT `fk` FOREIGN KEY (`customer`) REFERENCES `customers` (`id`)");
    expect(definition("t ON orders")).toBe("BEFORE INSERT\nSET NEW.customer = 1");
    expect(definition("named")).toMatch(/^select `c`\.`name` AS `name` from `customers` `c`$/i);
    expect(rows).toEqual([
      { table: "customers", rows: 2, exact: true },
      { table: "orders", rows: 0, exact: true },
    ]);
    expect((await inspect(false)).objects).toEqual(objects);
    expect(await world.driver.sleep(spec)).toBe(true);
    expect(await inspect(false)).toBeNull();
    expect((await inspect()).objects).toEqual(objects);
    expect((await world.driver.observe(spec)).state).toBe("asleep");
  });
});
