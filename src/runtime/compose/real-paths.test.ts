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
  const { services } = withRealPaths({ name: "p", services: { web: { volumes } } }, tree);
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
  expect(withRealPaths(model, tree)).toEqual({
    name: "p",
    services: { web: { build: { context: outside, dockerfile: "Dockerfile" }, volumes: [volume, bind("/etc/localtime"), "data:/y"] } },
    volumes: { data: { driver_opts: { device: outside, o: "bind" } }, plain: null as never },
    secrets: { token: { file: join(outside, "token") }, shell: { environment: "TOKEN" } },
    configs: { site: { file: join(tree, "media/site") } },
  });
});

test("a worktree that is itself reached through a link is no place elsewhere", () => {
  const through = join(base, "tree-link");
  const volumes = [bind(join(through, "media")), bind(join(through, "link"))];
  const { services } = withRealPaths({ name: "p", services: { web: { volumes } } }, through);
  expect(services.web?.volumes).toEqual([bind(join(through, "media")), bind(outside)]);
});
