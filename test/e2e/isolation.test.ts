// Environments, worlds and strangers do not reach each other: variables, hosts, the control socket, files on disk, daemons of other builds.
import { describe, expect, test } from "bun:test";
import { chmodSync, cpSync, readdirSync, readFileSync, statSync, symlinkSync, utimesSync } from "node:fs";
import { join, resolve } from "node:path";
import { clientHeader } from "../../src/api/endpoints.ts";
import { eventually, type HermeticWorld, hermeticWorld } from "../support/hermetic-world.ts";
import { smallApp } from "../support/small-app.ts";

const minute = 60_000;
const root = resolve(import.meta.dir, "../..");

function environOf(pid: number | null): string {
  return readFileSync(`/proc/${pid}/environ`, "utf8");
}

describe("environments", () => {
  test(
    "made from inside another one get nothing of it",
    async () => {
      await using world = await hermeticWorld({ files: smallApp });
      await world.ok(["create", "outer"]);
      await world.ok(["run", "-e", "outer", "-s", "web", "--", process.env.WT_TEST_BINARY ?? `${root}/bin/wt`, "create", "inner"]);
      const [outer, inner] = [await world.status("outer"), await world.status("inner")];
      expect(inner.status).toBe("Healthy");
      const foreign = [
        outer.path,
        `WT_ENVIRONMENT=outer`,
        ...outer.services.flatMap(({ port }) => (port === null ? [] : [`:${port}`, `PORT=${port}\0`])),
      ];
      for (const { pid } of inner.services) {
        const environ = environOf(pid);
        for (const value of foreign) expect(environ).not.toContain(value);
        expect(environ).toContain("WT_ENVIRONMENT=inner\0");
      }
      expect(await (await world.fetch("inner.localhost")).text()).toContain("web of inner");
      const names = (text: string) =>
        text
          .split("\n")
          .map((line) => line.split("=")[0])
          .sort();
      const nested = await world.ok([
        "run",
        "-e",
        "outer",
        "-s",
        "web",
        "--",
        process.env.WT_TEST_BINARY ?? `${root}/bin/wt`,
        "env",
        "-e",
        "inner",
      ]);
      expect(nested).not.toContain(outer.path);
      expect(names(nested)).toEqual(names(await world.ok(["env", "-e", "inner"])));
    },
    minute,
  );

  test(
    "a setup command may ask for its environment's variables and run commands in it",
    async () => {
      const wt = process.env.WT_TEST_BINARY ?? `${root}/bin/wt`;
      const yaml = `setup: ['"${wt}" run -- sh -c "echo $WT_ENVIRONMENT at $WEB_URL > asked.txt"']\nservices: { web: { run: exec node server.mjs, route: / } }\n`;
      await using world = await hermeticWorld({ files: { ...smallApp, "wt.yaml": yaml, ".gitignore": "asked.txt\n" } });
      await world.ok(["create", "a"]);
      const { path, services } = await world.status("a");
      expect(readFileSync(`${path}/asked.txt`, "utf8")).toBe(`a at ${services[0]?.directUrl}\n`);
    },
    minute,
  );

  test(
    "hosts that are nobody's get 421 and learn nothing",
    async () => {
      await using world = await hermeticWorld({ files: smallApp });
      await world.ok(["create", "a"]);
      const hosts = [
        "evil.example",
        "a.localhost.evil.example",
        "a.evil.example",
        "localhost",
        "127.0.0.1",
        "[::1]",
        "x.a.localhost",
        "b.localhost",
        "a",
        "localhost.a",
      ];
      for (const host of hosts) {
        const answer = await world.fetch(host);
        expect({ host, status: answer.status }).toEqual({ host, status: 421 });
        const text = await answer.text();
        expect(text).not.toContain("web of");
        if (!host.endsWith(".localhost")) expect(text.trim()).toBe("");
      }
      for (const host of ["a.localhost", "A.LocalHost", "a.localhost."]) expect((await world.fetch(host)).status).toBe(200);
    },
    minute,
  );
});

describe("worlds", () => {
  test(
    "with directories of their own never meet, even in one repository",
    async () => {
      await using one = await hermeticWorld({ files: smallApp });
      await using other = await hermeticWorld();
      const there = { cwd: one.repository };
      await one.ok(["create", "a"]);
      const listOf = async (world: HermeticWorld) => JSON.parse(await world.ok(["list", "--json"], there)).environments;
      // Git tells everybody which worktrees there are; what runs in them belongs to a world.
      const seen = (await listOf(other)).find(({ slug }: { slug: string }) => slug === "a");
      expect(seen).toMatchObject({ status: "Stopped", url: null });
      expect(seen.services.filter(({ pid, port }: { pid: unknown; port: unknown }) => pid !== null || port !== null)).toEqual([]);
      expect(JSON.parse(await other.ok(["gateway", "status", "--json"], there)).gateway?.routes ?? []).toEqual([]);
      expect((await other.wt(["up", "a"], there)).code).toBe(6);
      expect(await other.daemonPid()).not.toBe(await one.daemonPid());

      await other.ok(["trust", "--yes"], there);
      await other.ok(["up", "a"], there);
      const before = await one.status("a");
      const theirs = JSON.parse(await other.ok(["status", "a", "--json"], there)).environment;
      const ports = [...before.services, ...theirs.services].flatMap(({ port }: { port: number | null }) => port ?? []);
      expect(new Set(ports).size).toBe(ports.length);
      expect(ports.length).toBe(4);
      await other.ok(["down", "a"], there);
      await other.ok(["daemon", "stop", "--services"]);
      expect((await one.status("a")).services).toEqual(before.services.map((service) => ({ ...service, memoryBytes: expect.anything() })));
      expect(await (await one.fetch("a.localhost")).text()).toContain("web of a");
    },
    minute,
  );
});

describe("the outside", () => {
  test(
    "finds nothing readable: directories 0700, ledger, socket and logs 0600, whatever the umask",
    async () => {
      await using world = await hermeticWorld({ files: smallApp });
      await world.ok(["daemon", "stop"]);
      const shell = ["sh", "-c", 'umask 000; exec "$@"', "sh", process.env.WT_TEST_BINARY ?? `${root}/bin/wt`, "create", "a"];
      const ran = Bun.spawnSync(shell, { cwd: world.repository, env: world.env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
      expect(ran.exitCode).toBe(0);
      const open: string[] = [];
      for (const directory of ["state/worldtree", "run/worldtree"]) {
        for (const name of ["", ...(readdirSync(join(world.directory, directory), { recursive: true }) as string[])]) {
          const stat = statSync(join(world.directory, directory, name));
          const mode = stat.mode & 0o777;
          if ((mode & 0o077) !== 0) open.push(`${directory}/${name} ${mode.toString(8)}`);
        }
      }
      expect(open).toEqual([]);
      expect(readdirSync(join(world.directory, "state/worldtree/environments")).length).toBeGreaterThan(0);
    },
    minute,
  );

  test(
    "cannot speak to the daemon as a browser would",
    async () => {
      await using world = await hermeticWorld({ files: smallApp });
      await world.ok(["create", "a"]);
      const { socket } = JSON.parse(await world.ok(["daemon", "status", "--json"])).daemon as { socket: string };
      const ask = async (init: RequestInit) => {
        const options: RequestInit & { unix: string } = { unix: socket, ...init };
        const response = await fetch("http://wt/v1/daemon/stop", options);
        return { status: response.status, text: await response.text() };
      };
      const client = { [clientHeader]: "cli/0" };
      const body = JSON.stringify({ services: true });
      for (const init of [
        { method: "POST", body },
        { method: "GET", headers: client },
        { method: "POST", body, headers: { ...client, origin: "http://evil.example" } },
        { method: "POST", body, headers: { ...client, origin: "null" } },
        { method: "POST", body, headers: { ...client, referer: "http://evil.example/" } },
      ]) {
        const { status, text } = await ask(init);
        expect({ init, status }).toEqual({ init, status: 405 });
        expect(text).toContain("not_a_client");
      }
      expect((await world.status("a")).status).toBe("Healthy");
    },
    minute,
  );
});

describe("a daemon of another build", () => {
  test(
    "is replaced; services keep their processes, ports and URLs",
    async () => {
      await using world = await hermeticWorld({ files: smallApp });
      await world.ok(["create", "a"]);
      const before = await world.status("a");
      const daemon = await world.daemonPid();
      const copy = join(world.directory, "build");
      for (const name of ["src", "bin", "package.json"]) cpSync(join(root, name), join(copy, name), { recursive: true });
      symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
      // A file that is newer makes another build.
      utimesSync(join(copy, "src/main.ts"), new Date(), new Date());
      chmodSync(join(copy, "bin/wt"), 0o755);
      const newer = async (args: string[]) => {
        const child = Bun.spawn([join(copy, "bin/wt"), ...args], {
          cwd: world.repository,
          env: world.env,
          stdin: "ignore",
          stdout: "pipe",
          stderr: "pipe",
        });
        const [stdout, stderr, code] = await Promise.all([
          new Response(child.stdout).text(),
          new Response(child.stderr).text(),
          child.exited,
        ]);
        expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
        return { stdout, stderr };
      };
      const said = await newer(["status", "a"]);
      expect(said.stderr).toContain("replacing the daemon of another build");
      const { pid } = JSON.parse((await newer(["daemon", "status", "--json"])).stdout).daemon;
      expect(pid).not.toBe(daemon);
      const after = await eventually(
        async () => JSON.parse((await newer(["status", "a", "--json"])).stdout).environment,
        ({ status }) => status === "Healthy",
      );
      const identity = ({ services, url, path }: typeof before) => ({
        url,
        path,
        services: services.map(({ name, pid, port, restarts }) => ({ name, pid, port, restarts })),
      });
      expect(after.status).toBe("Healthy");
      expect(identity(after)).toEqual(identity(before));
      expect(await (await world.fetch("a.localhost")).text()).toContain("web of a");
      await newer(["down", "a"]);
      await newer(["daemon", "stop"]);
    },
    2 * minute,
  );
});
