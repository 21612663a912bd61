// The trees that make stopping hard. Each must end without a trace, by the driver that started it and by one that never saw it.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readProcess } from "../../os/process-table.ts";
import { eventually } from "../runtime-driver.conformance.ts";
import type { ServiceInstance } from "../runtime-driver.ts";
import { createProcessHarness, type ProcessHarness } from "./process-driver.conformance.ts";

const quick = { signal: "SIGTERM", graceMs: 300 } as const;
const patient = { signal: "SIGTERM", graceMs: 10_000 } as const;

let harness: ProcessHarness;
beforeEach(async () => {
  harness = await createProcessHarness();
});
afterEach(async () => {
  await harness.dispose();
});

interface Tree {
  name: string;
  command: string;
  killed: boolean;
  /** Processes that must be there before the stop. */
  processes: number;
}

const python = (code: string) => `exec python3 -c '${code}'`;

const trees: Tree[] = [
  {
    name: "the first process ignores the signal, its children end by it",
    command: "trap '' TERM; (trap - TERM; exec sleep 301) & echo ready; while :; do sleep 0.2; done",
    killed: true,
    processes: 2,
  },
  {
    name: "the first process ends by the signal, its children ignore it",
    command: "(trap '' TERM; echo ready; while :; do sleep 0.2; done) & wait",
    killed: true,
    processes: 2,
  },
  {
    name: "a child in a session of its own",
    command: "setsid sleep 302 & sleep 0.1; echo ready; exec sleep 303",
    killed: false,
    processes: 2,
  },
  {
    name: "a double fork that leaves session and parent, and ignores the signal",
    command: python(
      'import os,signal,time\nif os.fork()==0:\n os.setsid()\n if os.fork()==0:\n  signal.signal(15,signal.SIG_IGN); print("ready",flush=True); time.sleep(300)\n os._exit(0)\nos.wait(); time.sleep(300)',
    ),
    killed: true,
    processes: 2,
  },
  {
    name: "a command that daemonises itself",
    command: python(
      'import os,time\nif os.fork()==0:\n os.setsid()\n if os.fork()==0:\n  print("ready",flush=True); time.sleep(300)\n os._exit(0)',
    ),
    killed: false,
    processes: 1,
  },
  {
    name: "a halted process",
    command: "echo ready; kill -STOP $$; sleep 304",
    killed: false,
    processes: 1,
  },
  {
    name: "a child that has left the session and hidden its mark, with a living parent",
    command: "env -u WT_INSTANCE setsid sleep 305 & sleep 0.1; echo ready; wait",
    killed: false,
    processes: 1,
  },
  {
    name: "one that forks as fast as it can and ignores the signal",
    command: python(
      'import os,signal,time\nsignal.signal(15,signal.SIG_IGN); signal.signal(17,signal.SIG_IGN); print("ready",flush=True)\nwhile True:\n if os.fork()==0:\n  time.sleep(0.05); os._exit(0)\n time.sleep(0.002)',
    ),
    killed: true,
    processes: 2,
  },
  {
    name: "a child that starts another session at the signal",
    command: python(
      'import os,signal,time\ndef f(*a):\n if os.fork()==0:\n  os.setsid(); signal.signal(15,signal.SIG_IGN); time.sleep(300)\n os._exit(0)\nsignal.signal(15,f); print("ready",flush=True)\nwhile True: time.sleep(1)',
    ),
    killed: true,
    processes: 1,
  },
];

describe("stop ends", () => {
  for (const { name, command, killed, processes } of trees) {
    const arrange = async () => {
      const spec = harness.command(command);
      const instance = await harness.driver.start(spec);
      await harness.logged(spec, "ready");
      await eventually(async () => expect((await harness.marked()).length).toBeGreaterThanOrEqual(processes));
      return { spec, instance };
    };

    test(name, async () => {
      const { instance } = await arrange();
      expect(await harness.driver.stop(instance, killed ? quick : patient)).toEqual({ killed, leftovers: [] });
      expect(await harness.marked()).toEqual([]);
      expect((await harness.driver.observe(instance)).state).toBe("ended");
    });

    test(`${name} (adopted)`, async () => {
      const { instance } = await arrange();
      const next = harness.reopen();
      expect(await next.stop(JSON.parse(JSON.stringify(instance)), killed ? quick : patient)).toEqual({ killed, leftovers: [] });
      expect(await harness.marked()).toEqual([]);
    });
  }

  test("a child that has hidden its mark and left the session, once it was seen, even after its parent has gone", async () => {
    const spec = harness.command("env -u WT_INSTANCE setsid sleep 306 & echo $! > child; sleep 0.1; echo ready; exec sleep 307");
    const instance = await harness.driver.start(spec);
    await harness.logged(spec, "ready");
    const child = Number(readFileSync(join(harness.directory, "child"), "utf8"));
    await eventually(async () => expect(await harness.driver.observe(instance)).toMatchObject({ state: "alive" }));
    process.kill(instance.pid!, "SIGKILL");
    await eventually(async () =>
      expect(await harness.driver.observe(instance)).toMatchObject({ state: "alive", detached: true, pid: child }),
    );
    expect(await harness.driver.stop(instance, patient)).toEqual({ killed: false, leftovers: [] });
    expect(await isAlive(child)).toBe(false);
  });

  test("with the signal that was asked for", async () => {
    const spec = harness.command("trap 'echo got INT; exit 0' INT; trap 'echo got TERM' TERM; echo ready; while :; do sleep 0.05; done");
    const instance = await harness.driver.start(spec);
    await harness.logged(spec, "ready");
    expect(await harness.driver.stop(instance, { signal: "SIGINT", graceMs: 5000 })).toEqual({ killed: false, leftovers: [] });
    expect(readFileSync(spec.logPath, "utf8")).toBe("ready\ngot INT\n");
  });

  test("and lets what the service starts to clean up run to its end", async () => {
    const spec = harness.command("trap 'sleep 0.3; touch cleaned; exit 0' TERM; echo ready; while :; do sleep 0.05; done");
    const instance = await harness.driver.start(spec);
    await harness.logged(spec, "ready");
    expect(await harness.driver.stop(instance, patient)).toEqual({ killed: false, leftovers: [] });
    expect(existsSync(join(harness.directory, "cleaned"))).toBe(true);
  });
});

describe("nothing foreign is signalled", () => {
  /** A process with no mark, in its own session, standing in for one that got the number of an ended instance. */
  const withStranger = async (run: (stranger: Bun.Subprocess, instance: ServiceInstance) => Promise<void>) => {
    const stranger = Bun.spawn(["sleep", "308"], { detached: true, env: {}, stdio: ["ignore", "ignore", "ignore"] });
    const instance = await harness.driver.start(harness.command("exec sleep 309"));
    try {
      await run(stranger, instance);
      expect(stranger.signalCode).toBeNull();
      expect(await isAlive(stranger.pid)).toBe(true);
    } finally {
      stranger.kill("SIGKILL");
      await stranger.exited;
    }
  };

  test("when the number was used again: the start time differs", () =>
    withStranger(async (stranger, instance) => {
      const info = await readProcess(stranger.pid);
      if (typeof info !== "object") throw new Error("The stranger cannot be read.");
      const startTime = info.startTime - 1;
      const identity = { ...(instance.identity as object), pid: stranger.pid, startTime, mark: "env/web/9/none", logPath: null } as never;
      const stale = { ...instance, pid: stranger.pid, identity };
      expect(await harness.driver.observe(stale)).toEqual({ state: "ended", code: null, signal: null });
      expect(await harness.driver.stop(stale, quick)).toEqual({ killed: false, leftovers: [] });
      expect(await harness.reopen().stop(stale, quick)).toEqual({ killed: false, leftovers: [] });
      expect(await harness.driver.waitForEnd(stale, AbortSignal.timeout(5000))).toEqual({ code: null, signal: null });
    }));

  test("when the machine was booted since, although number and start time agree", () =>
    withStranger(async (stranger, instance) => {
      const info = await readProcess(stranger.pid);
      if (typeof info !== "object") throw new Error("The stranger cannot be read.");
      const identity = {
        ...(instance.identity as object),
        pid: stranger.pid,
        startTime: info.startTime,
        bootId: "an earlier one",
      } as never;
      const stale = { ...instance, identity };
      expect((await harness.driver.observe(stale)).state).toBe("ended");
      expect(await harness.driver.stop(stale, quick)).toEqual({ killed: false, leftovers: [] });
    }));

  test("when a process only shares the group number of a leader that has gone", () =>
    withStranger(async (stranger, instance) => {
      // A session whose leader cannot be the recorded one (it started later), and whose members carry no mark.
      const identity = {
        ...(instance.identity as object),
        pid: stranger.pid,
        startTime: 1,
        mark: "env/web/9/none",
        logPath: null,
      } as never;
      expect(await harness.driver.stop({ ...instance, identity }, quick)).toEqual({ killed: false, leftovers: [] });
    }));

  test("and members of an unproven session are reported as unknown, and left alone", async () => {
    const shell = Bun.spawn(["sh", "-c", "sleep 310 & echo $!"], {
      detached: true,
      env: { PATH: process.env.PATH },
      stdio: ["ignore", "pipe", "ignore"],
    });
    const reader = shell.stdout.getReader();
    const child = Number(new TextDecoder().decode((await reader.read()).value));
    await shell.exited;
    await reader.cancel();
    const instance = await harness.driver.start(harness.command("exec sleep 311"));
    const identity = { ...(instance.identity as object), pid: shell.pid, startTime: 1, mark: "env/web/9/none", logPath: null } as never;
    try {
      expect(await harness.driver.observe({ ...instance, identity })).toMatchObject({ state: "unknown" });
      const result = await harness.driver.stop({ ...instance, identity }, quick);
      expect(result.killed).toBe(false);
      expect(result.leftovers).toEqual([expect.stringContaining(`Process ${child} (sleep)`)]);
      expect(await isAlive(child)).toBe(true);
    } finally {
      process.kill(child, "SIGKILL");
    }
  });
});

async function isAlive(pid: number): Promise<boolean> {
  const info = await readProcess(pid);
  return typeof info === "object" && info.alive;
}
