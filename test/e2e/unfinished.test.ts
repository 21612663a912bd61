// Operations that did not come to their end, and what is asked for afterwards.
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { eventually, type HermeticWorld, hermeticWorld } from "../support/hermetic-world.ts";
import { smallApp } from "../support/small-app.ts";

const minute = 60_000;

/** An environment with unsaved work whose forced deletion the machine stopped half-way. */
async function halfDeleted(world: HermeticWorld): Promise<string> {
  await world.ok(["create", "a"]);
  const { path } = await world.status("a");
  await world.write({ "precious.txt": "precious\n" }, path);
  // Deleted worktrees go through a directory of this name.
  const obstacle = `${world.repository}/.git/wt`;
  rmSync(obstacle, { recursive: true, force: true });
  writeFileSync(obstacle, "");
  expect((await world.wt(["delete", "a", "--force"])).code).not.toBe(0);
  rmSync(obstacle);
  return path;
}

async function nextDaemon(world: HermeticWorld): Promise<void> {
  await world.ok(["daemon", "stop"]);
  const inFlight = async () => JSON.parse(await world.ok(["daemon", "status", "--json"])).daemon?.operationsInFlight as number | undefined;
  await world.ok(["list"]);
  expect(await eventually(inFlight, (count) => count === 0)).toBe(0);
}

test(
  "a deletion that was stopped is carried on by the next daemon",
  async () => {
    await using world = await hermeticWorld({ files: smallApp });
    const path = await halfDeleted(world);
    await nextDaemon(world);
    expect(existsSync(path)).toBe(false);
  },
  minute,
);

test(
  "whoever brings the environment up again keeps it",
  async () => {
    await using world = await hermeticWorld({ files: smallApp });
    const path = await halfDeleted(world);
    await world.ok(["up", "a"]);
    await nextDaemon(world);
    expect(existsSync(`${path}/precious.txt`)).toBe(true);
    expect((await world.status("a")).status).toBe("Healthy");
  },
  minute,
);

test(
  "a refused deletion takes the force of an earlier one back",
  async () => {
    await using world = await hermeticWorld({ files: smallApp });
    const path = await halfDeleted(world);
    const refused = await world.wt(["delete", "a"]);
    expect(refused.stderr).toContain("untracked file");
    await nextDaemon(world);
    expect(existsSync(`${path}/precious.txt`)).toBe(true);
  },
  minute,
);

test(
  "a create right after one that a crash cut off does not take its remains for an environment",
  async () => {
    await using world = await hermeticWorld({ files: smallApp });
    await world.ok(["daemon", "stop"]);
    expect((await world.wt(["create", "a"], { env: { WT_TEST_FAULT: "kill@before:setup:0" } })).code).not.toBe(0);
    const created = JSON.parse(await world.ok(["create", "a", "--no-up", "--json"]));
    expect(created.created).toBe(true);
    expect(existsSync(created.environment.path)).toBe(true);
    expect((await world.list()).environments.map((environment) => environment.slug)).toEqual(["main", "a"]);
  },
  minute,
);

test(
  "worktrees that lie behind a link are one environment each",
  async () => {
    await using world = await hermeticWorld({ files: smallApp });
    mkdirSync(`${world.directory}/disk`);
    symlinkSync(`${world.directory}/disk`, `${world.repository}.worktrees`);
    await world.ok(["create", "a", "--no-up"]);
    const { environments } = await world.list();
    expect(environments.map((environment) => environment.path)).toEqual([world.repository, `${world.directory}/disk/a`]);
    await world.ok(["delete", "a"]);
    expect((await world.list()).environments.length).toBe(1);
  },
  minute,
);
