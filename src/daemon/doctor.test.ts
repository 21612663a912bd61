// `wt doctor` on a real repository: the ledger and the machine differ, in each way that was told of.
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestWorld, testWorld } from "../../test/support/daemon-world.ts";
import { eventually } from "../../test/support/hermetic-world.ts";
import type { DoctorFinding } from "../api/operations.ts";
import { createEnvironment } from "./create-environment.ts";
import { doctorReport } from "./doctor.ts";

const doctorWorld = () => testWorld({ "wt.yaml": "services: {}\n", "app.txt": "one\n" }, {});

async function create(at: TestWorld, branch: string): Promise<string> {
  const request = { cwd: at.repository.root, branch, up: false, env: at.repository.env };
  return (await createEnvironment(at.world, request, at.call())).environment.path;
}

async function find(at: TestWorld, code: string, fix = false): Promise<DoctorFinding | undefined> {
  const { findings } = await doctorReport(at.world, { fix });
  return findings.find((finding) => finding.code === code);
}

describe("worktrees", () => {
  for (const [how, remove] of [
    ["rm -rf", (_: TestWorld, path: string) => rmSync(path, { recursive: true })],
    ["git worktree remove (orca#10562)", (at: TestWorld, path: string) => void at.repository.run(["worktree", "remove", path])],
  ] as const) {
    test(`removed by ${how}: found, mended once, and its branch stays`, async () => {
      await using at = await doctorWorld();
      const path = await create(at, "gone");
      await create(at, "beside");
      await doctorReport(at.world);
      remove(at, path);
      const finding = await find(at, "worktree_missing");
      expect(finding).toMatchObject({ level: "warning", fixable: true, fix: "wt doctor --fix" });
      expect(finding?.message).toContain("What gone had is still leased. The branch gone stays.");
      expect((await find(at, "worktree_missing", true))?.fixed).toBe("Gave back what gone had: processes, ports, resources, names.");
      expect(await find(at, "worktree_missing")).toBeUndefined();
      expect(at.world.ledger.environments().map(({ slug }) => slug)).toEqual(["main", "beside"]);
      expect(at.repository.run(["branch", "--list", "gone"])).toContain("gone");
      expect(readdirSync(join(at.repository.root, ".git/worktrees"))).toEqual(["beside"]);
    });
  }

  test("on a file system that is not mounted: said, and nothing is touched by --fix", async () => {
    await using at = await doctorWorld();
    const path = await create(at, "stick");
    rmSync(path, { recursive: true });
    const { ledger } = at.world;
    const id = ledger.environments().find(({ slug }) => slug === "stick")?.id ?? "";
    const mount = JSON.stringify({ at: at.repository.base, what: "ext4 /dev/stick /" });
    ledger.putSetupStamp({ environmentId: id, step: "worldtree:mount", hash: mount });
    const before = ledger.leases({ environmentId: id });
    const finding = await find(at, "worktree_unseen", true);
    expect(finding?.fixed).toBeUndefined();
    expect(finding?.message).toContain("Nothing of it is given back.");
    expect(ledger.leases({ environmentId: id })).toEqual(before);
  });

  test("its branch was deleted under it", async () => {
    await using at = await doctorWorld();
    await create(at, "lost");
    at.repository.run(["update-ref", "-d", "refs/heads/lost"]);
    expect((await find(at, "branch_gone"))?.message).toBe("The branch lost of lost is gone, and its worktree is on it.");
  });

  test("claude-code#45737: the registration is gone and the directory is left; an empty one is removed, one with files is only named", async () => {
    await using at = await doctorWorld();
    await create(at, "a");
    const [empty, full] = ["empty", "full"].map((name) => `${at.repository.root}.worktrees/${name}`);
    if (!empty || !full) throw new Error("no paths");
    mkdirSync(empty);
    mkdirSync(full);
    writeFileSync(join(full, "notes.txt"), "mine");
    const { findings } = await doctorReport(at.world, { fix: true });
    const left = findings.filter(({ code }) => code === "directory_left");
    expect(left.map(({ fixed }) => fixed)).toContain(`Removed the empty directory ${empty}.`);
    expect(left.find(({ message }) => message.includes(full))?.message).toContain("with notes.txt");
    expect([existsSync(empty), existsSync(full)]).toEqual([false, true]);
  });

  test("orca#17653, worktrunk#3650: a registration without its directory is named by itself, never pruned", async () => {
    await using at = await doctorWorld();
    const path = join(at.repository.base, "theirs");
    at.repository.run(["worktree", "add", "-q", "--detach", path]);
    rmSync(path, { recursive: true });
    const finding = await find(at, "registration_left", true);
    expect(finding?.fix).toBe(`git -C ${at.repository.root} worktree remove ${path}`);
    expect(readdirSync(join(at.repository.root, ".git/worktrees"))).toEqual(["theirs"]);
    // The command that it names does just that.
    at.repository.run(["worktree", "remove", path]);
    expect(await find(at, "registration_left")).toBeUndefined();
  });
});

describe("the ledger and the machine", () => {
  test.skipIf(process.platform !== "linux")(
    "soleur#7641: a program in a removed worktree is named, with the command that ends it, and left alone",
    async () => {
      await using at = await doctorWorld();
      const path = await create(at, "gone");
      const program = Bun.spawn(["sleep", "60"], { cwd: path });
      try {
        expect(await find(at, "program_in_removed")).toBeUndefined();
        rmSync(path, { recursive: true });
        const finding = await find(at, "program_in_removed", true);
        expect(finding?.message).toBe(`sleep (pid ${program.pid}) works in ${path}, which was removed under it.`);
        expect(finding?.fix).toBe(`kill ${program.pid}`);
        expect(program.exitCode).toBeNull();
      } finally {
        program.kill();
        await program.exited;
      }
    },
  );

  test("a row of an operation without an environment is dropped", async () => {
    await using at = await doctorWorld();
    await create(at, "a");
    const row = { id: "left", environmentId: "0123456789abcdef", kind: "create" as const, step: null, data: {}, startedAtMs: 1 };
    at.world.ledger.beginOperation(row);
    expect((await find(at, "operation_orphaned"))?.fixable).toBe(true);
    expect((await find(at, "operation_orphaned", true))?.fixed).toBe("Removed operation create.");
    expect(at.world.ledger.operations()).toEqual([]);
  });

  test("a delete that stopped half-way is brought to its end", async () => {
    await using at = await doctorWorld();
    const path = await create(at, "half");
    const environmentId = at.world.ledger.environments().find(({ slug }) => slug === "half")?.id ?? "";
    const data = { force: false, branch: false };
    at.world.ledger.beginOperation({ id: "stopped", environmentId, kind: "delete", step: "sweep", data, startedAtMs: 1 });
    expect((await find(at, "operation_stuck", true))?.fixed).toBe("Brought the delete of half to its end.");
    expect(existsSync(path)).toBe(false);
    expect(at.world.ledger.environment(environmentId)).toBeNull();
  });

  test("a service that keeps failing, and a stranger on the port of one that does not run, each with the command that leads on", async () => {
    await using at = await testWorld({ "wt.yaml": "services: { web: { run: serve --port $PORT, restart: never } }\n" }, {});
    const request = { cwd: at.repository.root, branch: "a", up: true, env: at.repository.env };
    const creating = createEnvironment(at.world, request, at.call());
    await eventually(() => at.services.newest("web")?.end === null, Boolean);
    const port = Number(at.services.newest("web")?.spec.port);
    expect(port).toBeGreaterThan(0);
    at.services.end("web", 3);
    await creating.catch(() => undefined);
    expect(await find(at, "service_failing")).toMatchObject({ level: "warning", fix: "wt logs web -e a" });
    expect(await find(at, "port_held")).toBeUndefined();
    using _stranger = Bun.listen({ hostname: "127.0.0.1", port, socket: { data: () => undefined } });
    const held = await find(at, "port_held");
    expect(held).toMatchObject({ level: "error", fix: "wt restart web -e a" });
    expect(held?.message).toContain(`Port ${port} of web in a is held by`);
  });

  test("a process of an earlier start that nobody keeps any more: ended by --fix", async () => {
    await using at = await testWorld({ "wt.yaml": "services: { web: { run: serve, port: none } }\n" }, {});
    const path = await create(at, "a");
    const { id: environmentId, nonce } = at.world.ledger.environments().find(({ slug }) => slug === "a") ?? { id: "", nonce: "" };
    const logPath = join(at.world.paths.environments, environmentId, "web.log");
    const spec = { environmentId, nonce, service: "web", generation: 1, command: "serve", directory: path, env: {}, port: null, logPath };
    await at.world.driver.start({ ...spec, stop: { signal: "SIGTERM", graceMs: 100 } });
    expect(await find(at, "process_stray")).toMatchObject({ level: "warning", fixable: true });
    expect(at.services.newest("web")?.end).toBeNull();
    await doctorReport(at.world, { fix: true });
    expect(at.services.newest("web")?.end).not.toBeNull();
    expect(await find(at, "process_stray")).toBeUndefined();
  });

  test("a lease of a process that is gone: dropped by --fix", async () => {
    await using at = await doctorWorld();
    await create(at, "a");
    const environmentId = at.world.ledger.environments().find(({ slug }) => slug === "a")?.id ?? "";
    at.world.ledger.claim({ environmentId, kind: "process", key: `${environmentId}/web/1` });
    expect(await find(at, "lease_stale")).toMatchObject({ level: "warning", fixable: true });
    await doctorReport(at.world, { fix: true });
    expect(at.world.ledger.leases({ environmentId, kind: "process" })).toEqual([]);
  });

  test("the clock was set forward, or back behind an environment's birth", async () => {
    await using at = await doctorWorld();
    expect(await find(at, "clock_jumped")).toBeUndefined();
    const clock = at.world.clock;
    at.world.clock = { ...clock, now: () => clock.now() + 3_600_000 };
    expect((await find(at, "clock_jumped"))?.message).toMatch(/^The clock was set forward by 3[56]\d\d s since the daemon started/);
    at.world.clock = { ...clock, now: () => clock.now() - 86_400_000 };
    expect((await find(at, "clock_behind"))?.message).toBe("The clock is behind: main was made in its future.");
  });

  test("the rows of a repository that is gone are given back", async () => {
    await using at = await doctorWorld();
    await create(at, "a");
    await doctorReport(at.world);
    rmSync(at.repository.root, { recursive: true });
    rmSync(`${at.repository.root}.worktrees`, { recursive: true });
    expect((await find(at, "repository_gone"))?.fixable).toBe(true);
    await doctorReport(at.world, { fix: true });
    expect(at.world.ledger.projects()).toEqual([]);
    expect(await find(at, "repository_gone")).toBeUndefined();
  });
});
