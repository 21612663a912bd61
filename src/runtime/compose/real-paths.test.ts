import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withRealPaths } from "./real-paths.ts";

let base = "";
let outside = "";
let tree = "";
beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), "wt-real-paths-")));
  outside = join(base, "outside");
  tree = join(base, "tree");
  mkdirSync(join(tree, "media"), { recursive: true });
  mkdirSync(outside);
  symlinkSync(outside, join(tree, "link"));
  symlinkSync(join(tree, "media"), join(tree, "inner"));
  symlinkSync(tree, join(base, "tree-link"));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const bind = (source: string) => ({ type: "bind", source, target: "/x" });

test("a link of the repository that leads out of it is seen as the place it leads to, also below it and before anything is there", () => {
  const volumes = ["link", "link/deep/new", "media", "inner", "new"].map((path) => bind(join(tree, path)));
  const { services } = withRealPaths({ name: "p", services: { web: { volumes } } }, { worktree: tree });
  expect(services.web?.volumes).toEqual([
    bind(outside),
    bind(join(outside, "deep/new")),
    bind(join(tree, "media")),
    bind(join(tree, "inner")),
    bind(join(tree, "new")),
  ]);
});

test("places of volumes, builds, secrets and configs as well; names and paths elsewhere stay", () => {
  const volume = { type: "volume", source: "data", target: "/data" };
  const model = {
    name: "p",
    services: {
      web: { build: { context: join(tree, "link"), dockerfile: "Dockerfile" }, volumes: [volume, bind("/etc/localtime"), "data:/y"] },
    },
    volumes: { data: { driver_opts: { device: join(tree, "link"), o: "bind" } }, plain: null },
    secrets: { token: { file: join(tree, "link/token") }, shell: { environment: "TOKEN" } },
    configs: { site: { file: join(tree, "media/site") } },
  };
  expect(withRealPaths(model, { worktree: tree })).toEqual({
    name: "p",
    services: { web: { build: { context: outside, dockerfile: "Dockerfile" }, volumes: [volume, bind("/etc/localtime"), "data:/y"] } },
    volumes: { data: { driver_opts: { device: outside, o: "bind" } }, plain: null as never },
    secrets: { token: { file: join(outside, "token") }, shell: { environment: "TOKEN" } },
    configs: { site: { file: join(tree, "media/site") } },
  });
});

test("devices, other contexts, and a Dockerfile by a link of its own", () => {
  symlinkSync(join(outside, "Evil"), join(tree, "media/Dockerfile"));
  const build = {
    context: join(tree, "media"),
    dockerfile: "Dockerfile",
    additional_contexts: { lib: join(tree, "link"), base: "service:db" },
  };
  const devices = [{ source: join(tree, "link"), target: "/dev/x" }];
  const { services } = withRealPaths({ name: "p", services: { web: { build, devices } } }, { worktree: tree });
  expect(services.web).toEqual({
    build: { ...build, dockerfile: join(outside, "Evil"), additional_contexts: { lib: outside, base: "service:db" } },
    devices: [{ source: outside, target: "/dev/x" }],
  });
});

test("a link to what is not there yet, and links in a circle", () => {
  symlinkSync("../outside/later", join(tree, "dangling"));
  symlinkSync(join(tree, "round"), join(tree, "round"));
  const volumes = ["dangling/x", "round"].map((name) => bind(join(tree, name)));
  const { services } = withRealPaths({ name: "p", services: { web: { volumes } } }, { worktree: tree });
  expect(services.web?.volumes).toEqual([bind(join(outside, "later/x")), bind(join(tree, "round"))]);
});

test("a link elsewhere, another worktree's for one, is followed only where its name hides what it leads to", () => {
  symlinkSync("/", join(outside, "root"));
  symlinkSync("/etc/hosts", join(outside, "hosts"));
  const own = join(base, "own");
  mkdirSync(own);
  symlinkSync(own, join(outside, "wt"));
  const volumes = ["root", "root/srv", "hosts", "wt"].map((name) => bind(join(outside, name)));
  const { services } = withRealPaths({ name: "p", services: { web: { volumes } } }, { worktree: tree, own: [own] });
  expect(services.web?.volumes).toEqual([bind("/"), bind(join(outside, "root/srv")), bind(join(outside, "hosts")), bind(own)]);
});

test("a worktree that is itself reached through a link is no place elsewhere", () => {
  const through = join(base, "tree-link");
  const volumes = [bind(join(through, "media")), bind(join(through, "link"))];
  const { services } = withRealPaths({ name: "p", services: { web: { volumes } } }, { worktree: through });
  expect(services.web?.volumes).toEqual([bind(join(through, "media")), bind(outside)]);
});
