import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resourceKinds } from "../../config/resource-kinds.ts";
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";
import { describeResourceDriver } from "../resource-driver.conformance.ts";
import type { ResourceCall, ResourceOptions, ResourceSpec } from "../resource-driver.ts";
import type { ResourceCases, ResourceHarness } from "../resource-harness.conformance.ts";
import { createExecResource, execOptions } from "./exec-resource.ts";

/** A "server" whose vhosts are directories, and the script that somebody would write for it. Labels come as JSON on standard input. */
const script = `#!/bin/sh
set -eu
input=$(cat)
label=$(printf '%s' "$input" | sed -n 's/.*"label":"\\([a-z0-9_]*\\)".*/\\1/p')
vhost="$SERVER/$label"
case "$1" in
  create)
    echo "creating $label" >&2
    mkdir -p "$vhost"
    printf '{"variables":{"QUEUE_URL":"queue://%s"},"values":{"url":"queue://%s","path":"%s"}}\\n' "$label" "$label" "$vhost" ;;
  destroy) rm -rf "$vhost" ;;
  reset) rm -rf "$vhost"; mkdir "$vhost"; echo "all gone" ;;
  check) test -d "$vhost" ;;
esac
`;
const full: ResourceOptions = {
  create: "./vhost.sh create",
  destroy: "./vhost.sh destroy",
  reset: "./vhost.sh reset",
  check: "./vhost.sh check",
  variables: ["QUEUE_URL"],
};
const { create, destroy, variables } = full;

interface Place {
  root: string;
  server: string;
  env: Record<string, string>;
  spec(options?: ResourceOptions): ResourceSpec;
  dispose(): void;
}

function createPlace(): Place {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "wt-exec-")));
  const server = join(root, "server");
  mkdirSync(server);
  let count = 0;
  return {
    root,
    server,
    env: { PATH: process.env.PATH ?? "", SERVER: server },
    spec(options = full) {
      const number = ++count;
      const worktree = join(root, `worktree${number}`);
      mkdirSync(worktree);
      writeFileSync(join(worktree, "vhost.sh"), script);
      chmodSync(join(worktree, "vhost.sh"), 0o755);
      return {
        environmentId: `env${number}`,
        nonce: `nonce${number}`,
        name: "queue",
        label: `wt_shop_env${number}_queue`,
        options,
        directory: join(root, `state/env${number}/queue`),
        worktree,
        mainWorktree: join(root, "main"),
        main: false,
        port: null,
      };
    },
    dispose: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** Runs commands for real, as the daemon does: the worktree is where `pwd` says. */
function call(place: Place, spec: { worktree: string }, abort: AbortSignal = new AbortController().signal): ResourceCall {
  return {
    abort,
    report: () => undefined,
    async run(command, given) {
      const result = await exec(["/bin/sh", "-c", command], { cwd: spec.worktree, env: { ...place.env, ...given }, abort });
      if (result.code === 0) return;
      const hints = [`  ${result.stderr.trim()}`];
      throw new WtError({ kind: "machine", code: "command_failed", message: `\`${command}\` failed with code ${result.code}.`, hints });
    },
  };
}

async function createHarness(options: ResourceOptions): Promise<ResourceHarness> {
  const place = createPlace();
  const specs: ResourceSpec[] = [];
  const make = (own = options) => {
    const spec = place.spec(own);
    specs.push(spec);
    return spec;
  };
  const file = (path: string | undefined) => join(String(path), "text");
  const driver = createExecResource({ env: place.env });
  return {
    driver,
    reopen: () => createExecResource({ env: place.env }),
    spec: async () => make(),
    brokenSpec: async () => make({ ...options, create: "./vhost.sh create && exit 3" }),
    // Every worktree has the same script.
    call: (abort) => call(place, { worktree: specs[0]?.worktree ?? place.root }, abort),
    write: async (connection, text) => writeFileSync(file(connection.values.path), text),
    read: async (connection) => (existsSync(file(connection.values.path)) ? readFileSync(file(connection.values.path), "utf8") : null),
    holdClient: async () => async () => undefined,
    async makeForeign(spec) {
      mkdirSync(spec.directory, { recursive: true });
      writeFileSync(join(spec.directory, "mine"), "mine");
      return async () => readdirSync(spec.directory).length === 1;
    },
    async makeHalf(spec) {
      await driver.ensure(spec, call(place, spec));
      writeFileSync(join(spec.directory, "exec.json"), '{"connection":null}');
    },
    async dispose() {
      for (const spec of specs) if ((await driver.observe(spec)).state !== "foreign") await driver.remove(spec);
      const left = readdirSync(place.server);
      place.dispose();
      expect(left).toEqual([]);
    },
  };
}

const cases: ResourceCases = {
  features: { checkpoints: false, sleep: false, port: false },
  clients: false,
  valid: [full, { create: "a", destroy: "b" }],
  invalid: [
    { options: { create: "a" }, key: "destroy" },
    { options: { create: "a", destroy: 5 }, key: "destroy" },
    { options: { create: "a", destroy: "b", variables: "1x" }, key: "variables" },
    { options: { create: "a", destroy: "b", delete: "c" }, key: "delete" },
  ],
};

describeResourceDriver("the exec driver", () => createHarness(full), cases);
describeResourceDriver(
  "the exec driver with the two commands it needs",
  () => createHarness({ create: create!, destroy: destroy!, variables: variables! }),
  cases,
);

test("the documented options are those the driver reads", () => {
  expect(Object.keys(resourceKinds.exec.entries).sort()).toEqual(["type", ...Object.keys(execOptions)].sort());
});

describe("the exec driver", () => {
  let place: Place;
  beforeEach(() => {
    place = createPlace();
  });
  afterEach(() => place.dispose());

  const failure = async (promise: Promise<unknown>): Promise<WtError> => {
    const thrown = await promise.then(
      () => null,
      (error: unknown) => error,
    );
    expect(thrown).toBeInstanceOf(WtError);
    return thrown as WtError;
  };

  test("superset#1394: the specification goes in as JSON, with what create printed for the commands after it", async () => {
    const keep = (name: string) => `cat > "$SERVER/${name}.json"`;
    const answer = `echo '{"variables":{"A_URL":"a"},"values":{"url":"a"}}'`;
    const spec = place.spec({
      create: `${keep("create")}; ${answer}`,
      destroy: `${keep("destroy")}; test "$A_URL" = a`,
      reset: keep("reset"),
    });
    const driver = createExecResource({ env: place.env });
    await driver.ensure(spec, call(place, spec));
    await driver.reset(spec, call(place, spec));
    await driver.remove(spec);
    const read = (name: string) => JSON.parse(readFileSync(join(place.server, `${name}.json`), "utf8"));
    const { environmentId, nonce, name, label, worktree, mainWorktree, main } = spec;
    const basis = { environmentId, nonce, name, label, worktree, mainWorktree, main };
    const connection = { variables: { A_URL: "a" }, values: { url: "a" } };
    expect(read("create")).toEqual({ ...basis, action: "create", connection: null });
    expect(read("reset")).toEqual({ ...basis, action: "reset", connection });
    expect(read("destroy")).toEqual({ ...basis, action: "destroy", connection });
  });

  test("what create printed is kept from other users' eyes", async () => {
    const spec = place.spec();
    await createExecResource({ env: place.env }).ensure(spec, call(place, spec));
    expect(statSync(join(spec.directory, "exec.json")).mode & 0o077).toBe(0);
    expect(readdirSync(spec.directory).sort()).toEqual(["exec.json", "wt-mark.json"]);
  });

  test("quotes, several lines and early exits in commands mean what they mean in a shell", async () => {
    const printed = `printf '%s' '{"values":{"text":"a '"'"'b'"'"' $HOME"}}'`;
    const spec = place.spec({ create: `if true; then\n  ${printed}\n  exit 0\nfi\nexit 9`, destroy: "true" });
    const { values } = await createExecResource({ env: place.env }).ensure(spec, call(place, spec));
    expect(values).toEqual({ text: "a 'b' $HOME" });
  });

  test("a failing create names the command as it was written, with what it said, and takes back what it did", async () => {
    const spec = place.spec({ ...full, create: "./vhost.sh create; echo half done; echo no such broker >&2; exit 4" });
    const error = await failure(createExecResource({ env: place.env }).ensure(spec, call(place, spec)));
    expect(error.message).toContain("`./vhost.sh create; echo half done; echo no such broker >&2; exit 4` failed with code 4.");
    expect(error.hints.join("\n")).toContain("half done");
    expect(error.hints.join("\n")).toContain("no such broker");
    expect(readdirSync(place.server)).toEqual([]);
    expect(existsSync(spec.directory)).toBe(false);
  });

  test("what is no JSON is shown, and taken back", async () => {
    const spec = place.spec({ ...full, create: "./vhost.sh create; echo all is well" });
    const error = await failure(createExecResource({ env: place.env }).ensure(spec, call(place, spec)));
    expect(error.message).toBe("resources.queue.create did not print JSON.");
    expect(error.hints).toContain("  all is well");
    expect(readdirSync(place.server)).toEqual([]);
  });

  test("a failing destroy keeps the record, so that it is tried again", async () => {
    const spec = place.spec();
    const driver = createExecResource({ env: place.env });
    const connection = await driver.ensure(spec, call(place, spec));
    const broken = { ...spec, options: { ...full, destroy: "echo broker is down >&2; exit 1" } };
    const error = await failure(driver.remove(broken));
    expect(error.message).toBe("resources.queue.destroy `echo broker is down >&2; exit 1` failed with code 1.");
    expect(error.hints[0]).toBe("  broker is down");
    expect(await driver.connection(spec)).toEqual(connection);
    await driver.remove(spec);
    expect(existsSync(spec.directory)).toBe(false);
  });

  test("a reset whose create fails is not taken for a success", async () => {
    const spec = place.spec({ create: "./vhost.sh create", destroy: "./vhost.sh destroy" });
    const driver = createExecResource({ env: place.env });
    await driver.ensure(spec, call(place, spec));
    await failure(driver.reset({ ...spec, options: { ...spec.options, create: "false" } }, call(place, spec)));
    expect((await driver.observe(spec)).state).toBe("broken");
    expect(await driver.connection(spec)).toBeNull();
    await driver.ensure(spec, call(place, spec));
    expect((await driver.observe(spec)).state).toBe("ready");
  });

  test("a destroy that did nothing is found out by check", async () => {
    const spec = place.spec({ ...full, destroy: "true" });
    const driver = createExecResource({ env: place.env });
    await driver.ensure(spec, call(place, spec));
    expect((await failure(driver.remove(spec))).code).toBe("resource_remains");
    await driver.remove({ ...spec, options: full });
  });

  test("what check no longer finds is broken, and made again", async () => {
    const spec = place.spec();
    const driver = createExecResource({ env: place.env });
    const connection = await driver.ensure(spec, call(place, spec));
    rmSync(join(place.server, spec.label), { recursive: true });
    expect(await driver.observe(spec)).toEqual({
      state: "broken",
      reason: "resources.queue.check `./vhost.sh check` failed with code 1.",
    });
    expect(await driver.ensure(spec, call(place, spec))).toEqual(connection);
    expect((await driver.observe(spec)).state).toBe("ready");
    await driver.remove(spec);
  });

  test("a check that hangs is ended and said", async () => {
    const spec = place.spec({ ...full, check: "exec sleep 60" });
    const driver = createExecResource({ env: place.env, checkLimitMs: 100 });
    await driver.ensure(spec, call(place, spec));
    expect(await driver.observe(spec)).toEqual({
      state: "broken",
      reason: "resources.queue.check `exec sleep 60` took longer than 0.1 seconds.",
    });
    await driver.remove(spec);
  });

  test("with the worktree gone, commands of the system still work, and lost scripts are explained", async () => {
    const driver = createExecResource({ env: place.env });
    const simple = place.spec({ create: "true", destroy: 'touch "$SERVER/destroyed"' });
    await driver.ensure(simple, call(place, simple));
    rmSync(simple.worktree, { recursive: true });
    await driver.remove(simple);
    expect(readdirSync(place.server)).toEqual(["destroyed"]);
    const scripted = place.spec();
    await driver.ensure(scripted, call(place, scripted));
    rmSync(scripted.worktree, { recursive: true });
    const error = await failure(driver.remove(scripted));
    expect(error.hints.at(-1)).toContain("git worktree add");
  });
});
