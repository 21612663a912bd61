// The copy of a real container's log across deaths of whoever copies it: nothing is lost, nothing comes twice.
import { afterAll, afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { appendFileSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { busyboxImage, dockerReason, type TestImage } from "../../../test/support/docker.ts";
import { systemClock } from "../../os/clock.ts";
import type { DockerEngine } from "../../os/docker-engine.ts";
import { eventually } from "../runtime-driver.conformance.ts";
import type { ServiceInstance, ServiceSpec } from "../runtime-driver.ts";
import { type ComposeHarness, createComposeHarness, processEnv } from "./compose-driver.conformance.ts";
import { followContainer } from "./container-log.ts";

setDefaultTimeout(60_000);

let image: TestImage | null = null;
afterAll(() => image?.[Symbol.dispose]());
let harness: ComposeHarness;

const ticks =
  "i=0; while [ $i -lt 4000 ]; do i=$((i+1)); echo tick $i; if [ $((i%100)) = 0 ]; then sleep 0.05; fi; done; printf unfinished";
const expected = `${Array.from({ length: 4000 }, (_, index) => `tick ${index + 1}\n`).join("")}unfinished`;
const patient = { signal: "SIGTERM", graceMs: 5000 } as const;

/** Copies the log in a process of its own, until that is killed. */
function copyElsewhere(instance: ServiceInstance): Bun.Subprocess<"ignore", "inherit", "inherit"> {
  const script = join(harness.directory, "copier.ts");
  const module = (name: string) => JSON.stringify(join(import.meta.dir, name));
  writeFileSync(
    script,
    `import { createComposeDriver } from ${module("compose-driver.ts")};
     import { createEngineAccess } from ${module("engine-access.ts")};
     import { createLogFiles } from ${module("../../os/log-files/log-files.ts")};
     import { systemClock as clock } from ${module("../../os/clock.ts")};
     const logs = createLogFiles({ clock, rotateBytes: 10_000_000 });
     const driver = createComposeDriver({ ...createEngineAccess(process.env), clock, environments: ${JSON.stringify(join(harness.directory, "environments"))}, logs });
     await driver.observe(${JSON.stringify(instance)});
     setInterval(() => undefined, 1000);`,
  );
  return Bun.spawn([process.execPath, script], { stdin: "ignore", stdout: "inherit", stderr: "inherit", env: processEnv() });
}

const lengthOf = (spec: ServiceSpec) => statSync(spec.logPath).size;
const content = (spec: ServiceSpec) => readFileSync(spec.logPath, "utf8");

test("when the environment is gone with its directory, the copying ends instead of trying again for ever", async () => {
  const engine = { inspect: async () => null } as unknown as DockerEngine;
  const waits: number[] = [];
  const sleep = async (ms: number) => {
    waits.push(ms);
    throw new Error("it would try again");
  };
  const clock = { ...systemClock, sleep };
  const logPath = join(tmpdir(), `wt-gone-${randomUUID()}`, "web.log");
  const after = Promise.resolve();
  await followContainer({ engine, clock, container: "c".repeat(64), startedAt: "", logPath, fresh: false, after }).complete;
  expect(waits).toEqual([]);
});

const whyNot = dockerReason();
describe.skipIf(whyNot !== null)(`the copy of a container's log${whyNot ? ` (skipped: ${whyNot})` : ""}`, () => {
  beforeEach(async () => {
    image ??= busyboxImage();
    harness = await createComposeHarness(image.name);
  });
  afterEach(async () => {
    await harness.dispose();
  });

  test("goes on where a killed daemon was, as often as one is killed", async () => {
    const spec = harness.command();
    const instance = await harness.startCommand(spec, ticks);
    await harness.driver.close();
    for (let death = 0; death < 3; death++) {
      const before = lengthOf(spec);
      const copier = copyElsewhere(instance);
      await eventually(async () => expect(lengthOf(spec)).toBeGreaterThan(before));
      copier.kill("SIGKILL");
      await copier.exited;
    }
    await harness.reopen().waitForEnd(instance, AbortSignal.timeout(30_000));
    expect(content(spec)).toBe(expected);
  });

  test("has what was written down without its place only once", async () => {
    const spec = harness.command();
    const instance = await harness.startCommand(spec, "echo one; echo two; exec sleep 300");
    await harness.logged(spec, "two\n");
    await harness.driver.close();
    const place = readFileSync(`${spec.logPath}.position`);
    const next = harness.reopen();
    await next.stop(instance, patient);
    await next.close();
    // As if the daemon had died between an entry and its place: half an entry more than the place says, and a line of wt's own.
    writeFileSync(`${spec.logPath}.position`, place.toString().replace(/^(1 \S+ \d+) 2 (\d+) 8 0/, "$1 1 $2 4 0"));
    writeFileSync(spec.logPath, "one\ntw");
    await harness.reopen().observe(instance);
    expect(content(spec)).toBe("one\ntwo\n");
    writeFileSync(`${spec.logPath}.position`, place.toString().replace(/^(1 \S+ \d+) 2 (\d+) 8 0/, "$1 1 $2 4 0"));
    writeFileSync(spec.logPath, "one\ntwo\n");
    appendFileSync(spec.logPath, "[wt] It was stopped.\n");
    await harness.reopen().observe(instance);
    expect(content(spec)).toBe("one\ntwo\n[wt] It was stopped.\n");
  });

  test("takes what a container that ended meanwhile had still to say, and each start's only once", async () => {
    const spec = harness.command();
    const first = await harness.startCommand(spec, "echo begin; sleep 1; echo end");
    await harness.driver.close();
    await harness.engine.wait((first.identity as { container: string }).container, AbortSignal.timeout(30_000));
    const next = harness.reopen();
    expect(await next.observe(first)).toEqual({ state: "ended", code: 0, signal: null });
    expect(content(spec)).toBe("begin\nend\n");
    const second = await next.start({ ...spec, generation: 2 });
    await next.waitForEnd(second, AbortSignal.timeout(30_000));
    expect(content(spec)).toBe("begin\nend\nbegin\nend\n");
    expect(await next.observe(first)).toEqual({ state: "ended", code: null, signal: null });
  });

  test("keeps both streams apart by lines, long lines whole, and a terminal's text", async () => {
    const spec = harness.command();
    const long = "x".repeat(40_000);
    const script = "head -c 40000 /dev/zero | tr '\\0' x; sleep 0.3; echo error >&2; sleep 0.3; echo end";
    await harness.driver.waitForEnd(await harness.startCommand(spec, script), AbortSignal.timeout(30_000));
    // The engine writes a line down when it ends, or every 16 KiB of it.
    expect(content(spec)).toBe(`${long.slice(0, 32_768)}\nerror\n${long.slice(32_768)}end\n`);
    const terminal = harness.command();
    await harness.driver.waitForEnd(
      await harness.startCommand(terminal, "echo a; head -c 40000 /dev/zero | tr '\\0' x; echo", { tty: true }),
      AbortSignal.timeout(30_000),
    );
    expect(content(terminal)).toBe(`a\r\n${long}\r\n`);
  });

  test("is rotated like any log, and loses nothing by it", async () => {
    await harness.driver.close();
    const driver = harness.reopen({ rotateLogBytes: 8000 });
    const spec = harness.command();
    await harness.createContainer(spec, "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo tick $i; done; sleep 1; echo last");
    const instance = await driver.start(spec);
    await driver.waitForEnd(instance, AbortSignal.timeout(30_000));
    await eventually(async () => expect(lengthOf(spec)).toBeLessThan(8000));
    expect(content(spec)).toEndWith("last\n");
    const again = harness.reopen({ rotateLogBytes: 8000 });
    const before = content(spec);
    await again.observe(instance);
    expect(content(spec)).toBe(before);
  });

  test("says so once when the engine keeps no log", async () => {
    const spec = harness.command();
    const instance = await harness.startCommand(spec, "echo unseen", { logging: { driver: "none" } });
    await harness.driver.waitForEnd(instance, AbortSignal.timeout(30_000));
    await harness.reopen().observe(instance);
    expect(content(spec)).toBe("[wt] The `logging:` of this container keeps nothing that could be read here.\n");
  });
});
