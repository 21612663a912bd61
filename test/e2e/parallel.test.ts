import { expect, test } from "bun:test";
import { hermeticWorld } from "../support/hermetic-world.ts";
import { smallApp } from "../support/small-app.ts";

test("20 creates from 20 shells at once end with 20 healthy environments and no shared port, slot or name", async () => {
  await using world = await hermeticWorld({ files: smallApp });
  await world.ok(["daemon", "stop"]);
  const names = Array.from({ length: 20 }, (_, index) => `agent/${index}`);
  const ran = await Promise.all(names.map((name) => world.wt(["create", name, "--json"])));
  expect(ran.filter((one) => one.code !== 0).map((one) => one.stderr)).toEqual([]);
  const environments = (await world.list()).environments.filter((environment) => !environment.main);
  expect(environments.length).toBe(20);
  expect(environments.map((environment) => environment.status)).toEqual(Array(20).fill("Healthy"));
  const distinct = (values: unknown[]) => new Set(values).size === values.length;
  expect(distinct(environments.flatMap((environment) => environment.services.flatMap((service) => service.port ?? [])))).toBe(true);
  expect(distinct(environments.map((environment) => environment.slot))).toBe(true);
  expect(distinct(environments.map((environment) => environment.url))).toBe(true);
  for (const environment of environments) {
    expect(await (await world.fetch(`${environment.slug}.localhost`)).text()).toContain(`web of ${environment.slug} `);
  }
}, 300_000);

test("two creates of one branch at once make one environment", async () => {
  await using world = await hermeticWorld({ files: smallApp });
  const ran = await Promise.all([world.wt(["create", "same", "--json"]), world.wt(["create", "same", "--json"])]);
  expect(ran.map((one) => one.code)).toEqual([0, 0]);
  expect(ran.map((one) => JSON.parse(one.stdout).created).sort()).toEqual([false, true]);
}, 120_000);
