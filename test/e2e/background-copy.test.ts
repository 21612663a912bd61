// Where blocks cannot be shared, `clone:` copies in the background: what needs the copy waits, whoever looks sees it, and a crash leaves no half of it.
import { expect, test } from "bun:test";
import { chmodSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileSystemName } from "../../src/os/clone-method.ts";
import { eventually, type HermeticWorld, hermeticWorld, leftovers } from "../support/hermetic-world.ts";

const minute = 60_000;
const sharing = ["btrfs", "xfs", "apfs", "bcachefs"].includes(fileSystemName(tmpdir()));

const files = {
  "wt.yaml":
    "clone: [node_modules]\nresources: { files: { type: directory, path: data } }\nsetup: ['test -e node_modules/last && echo it is whole']\nservices: { web: { run: sleep 1000, port: none } }\n",
  ".gitignore": "node_modules\ndata\n",
};

/** A cp that makes a half, and carries on when it is told to. */
async function haltingCopy(world: HermeticWorld): Promise<{ env: Record<string, string>; go: () => void }> {
  const bin = join(world.directory, "bin");
  const go = join(world.directory, "go");
  await mkdir(bin);
  const script = `#!/bin/sh\nfor target; do :; done\nmkdir "$target" && echo half > "$target/first"\nuntil test -e '${go}'; do sleep 0.02; done\nrm -r "$target" && exec ${Bun.which("cp")} "$@"\n`;
  writeFileSync(join(bin, "cp"), script);
  chmodSync(join(bin, "cp"), 0o755);
  await world.write({ "node_modules/first": "1\n", "node_modules/last": "1\n" });
  return { env: { PATH: `${bin}:${world.env.PATH}` }, go: () => writeFileSync(go, "") };
}

const copying = async (world: HermeticWorld, name: string) => (await world.status(name)).copying?.map(({ directory }) => directory) ?? [];

test.skipIf(sharing)(
  "databases are prepared meanwhile, setup waits for it, and wt status says what is being copied",
  async () => {
    await using world = await hermeticWorld({ files });
    const { env, go } = await haltingCopy(world);
    const creating = world.wt(["create", "a"], { env });
    const worktree = `${world.repository}.worktrees/a`;
    const isPrepared = async () => (await world.status("a").catch(() => null))?.resources.some(({ state }) => state === "Ready") === true;
    expect(await eventually(isPrepared, Boolean)).toBe(true);
    expect(
      await eventually(
        () => copying(world, "a"),
        (names) => names.length > 0,
      ),
    ).toEqual(["node_modules"]);
    expect(await world.ok(["status", "a"])).toMatch(/^copying {3}node_modules, for \d+s$/m);
    expect(existsSync(join(worktree, "node_modules"))).toBe(false);
    // Half of a copy is nobody's work.
    expect(await world.git(["status", "--porcelain"], worktree)).toBe("");
    go();
    const created = await creating;
    expect(created).toMatchObject({ code: 0 });
    for (const said of ["node_modules: being copied meanwhile", "Wait for the copy of node_modules", "  | it is whole\n"]) {
      expect(created.stderr).toContain(said);
    }
    expect(readdirSync(worktree).filter((name) => name.startsWith(".wt-"))).toEqual([]);
    expect(await copying(world, "a")).toEqual([]);
    await world.ok(["delete", "a"]);
  },
  minute,
);

test.skipIf(sharing)(
  "kill -9 in the middle of a copy: a create is taken back, whole",
  async () => {
    await using world = await hermeticWorld({ files });
    const { env, go } = await haltingCopy(world);
    const creating = world.wt(["create", "a"], { env });
    const half = `${world.repository}.worktrees/a/.wt-clone-node_modules/tree/first`;
    expect(await eventually(() => existsSync(half), Boolean)).toBe(true);
    process.kill(await world.daemonPid(), "SIGKILL");
    expect((await creating).code).not.toBe(0);
    expect(
      await eventually(
        async () => (await world.list()).environments.length,
        (count) => count === 1,
      ),
    ).toBe(1);
    // The cp that the dead daemon had started finds nothing to write to.
    go();
    expect(
      await eventually(
        () => leftovers(world, "a"),
        (left) => left.length === 0,
      ),
    ).toEqual([]);
  },
  minute,
);

test.skipIf(sharing)(
  "kill -9 in the middle of a copy into a worktree that git made: the half is thrown away, and the next wt up copies all of it",
  async () => {
    await using world = await hermeticWorld({ files });
    const { env, go } = await haltingCopy(world);
    const worktree = join(world.directory, "other");
    await world.git(["worktree", "add", "--quiet", "-b", "other", worktree]);
    const coming = world.wt(["up", "other"], { env });
    expect(await eventually(() => existsSync(join(worktree, ".wt-clone-node_modules/tree/first")), Boolean)).toBe(true);
    process.kill(await world.daemonPid(), "SIGKILL");
    expect((await coming).code).not.toBe(0);
    await world.ok(["list"]);
    const halves = () => readdirSync(worktree).filter((name) => name.startsWith(".wt-"));
    expect(await eventually(halves, (names) => names.length === 0)).toEqual([]);
    expect(existsSync(join(worktree, "node_modules"))).toBe(false);
    go();
    await world.ok(["up", "other"]);
    expect(readdirSync(join(worktree, "node_modules")).sort()).toEqual(["first", "last"]);
    expect(halves()).toEqual([]);
    await world.ok(["delete", "other"]);
  },
  minute,
);
