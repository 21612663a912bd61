// `wt run` in a container as a person uses it: with a terminal where there is one, and as part of a pipe where there is none.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { atTerminal } from "../support/at-terminal.ts";
import { type ComposeWorld, composeWorld, projectName } from "../support/compose-app.ts";
import { docker, dockerReason } from "../support/docker.ts";
import { eventually, testedProgram } from "../support/hermetic-world.ts";

const reason = dockerReason();
const minute = 60_000;
const web = `${projectName}-a-web-1`;
const ctrl = (key: string) => String.fromCharCode(key.charCodeAt(0) & 31);
/** `ECHO` of `c_lflag`. */
const echo = 0o10;

describe.skipIf(reason !== null)(`wt run in a container${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  let compose: ComposeWorld;
  const sleeping = (seconds: number) =>
    docker("top", web)
      .split("\n")
      .filter((line) => line.endsWith(`sleep ${seconds}`)).length;
  const sleeps = (seconds: number, count: number) =>
    eventually(
      () => sleeping(seconds),
      (found) => found === count,
      15_000,
    );

  beforeAll(async () => {
    compose = await composeWorld();
    await compose.world.ok(["create", "a"]);
  }, 2 * minute);
  afterAll(async () => {
    await compose?.[Symbol.asyncDispose]();
  }, minute);

  test(
    "a shell has the terminal: its size, also a new one, Ctrl-C, keys that Docker would keep, and its exit code",
    async () => {
      using shell = atTerminal(compose.world, ["run", "-e", "a", "--", "sh"], { columns: 111, rows: 33 });
      await shell.until(/# /);
      shell.type("test -t 0 && test -t 1 && test -t 2 && echo all three$?\r");
      await shell.until(/all three0/);
      shell.type("until stty size | grep -x '33 111'; do :; done; echo is it\r");
      await shell.until(/33 111\r\nis it/);
      shell.terminal.resize(99, 22);
      shell.type("until stty size | grep -x '22 99'; do :; done; echo is it\r");
      await shell.until(/22 99\r\nis it/);

      shell.type("sleep 4713; echo after $?\r");
      expect(await sleeps(4713, 1)).toBe(1);
      shell.type(ctrl("C"));
      await shell.until(/\^C[\s\S]*# /);
      expect(await sleeps(4713, 0)).toBe(0);

      // With the keys that Docker detaches by, the shell would go on with nobody who could end it.
      shell.type("stty raw -echo; echo now''read; dd bs=1 count=2 2>/dev/null | od -An -tx1; stty sane\r");
      await shell.until(/nowread/);
      shell.type(ctrl("P"));
      shell.type(ctrl("Q"));
      await shell.until(/10 11/);
      shell.type("exit 7\r");
      expect(await shell.child.exited).toBe(7);
      expect(shell.terminal.localFlags & echo).toBe(echo);
    },
    minute,
  );

  test(
    "Ctrl-C ends the command itself, whatever it reads from; a terminal that is closed ends it too",
    async () => {
      using plain = atTerminal(compose.world, ["run", "-e", "a", "--", "sleep", "4714"]);
      expect(await sleeps(4714, 1)).toBe(1);
      plain.type(ctrl("C"));
      expect(await plain.child.exited).toBe(130);
      expect(await sleeps(4714, 0)).toBe(0);

      const program = testedProgram();
      using piped = atTerminal(compose.world, ["run", "--host", "-e", "a", "--", "sh", "-c", `"${program}" run -e a -- sleep 4715 | cat`]);
      expect(await sleeps(4715, 1)).toBe(1);
      piped.type(ctrl("C"));
      expect(await piped.child.exited).toBe(130);
      expect(await sleeps(4715, 0)).toBe(0);

      using closed = atTerminal(compose.world, ["run", "-e", "a", "--", "sh", "-c", "trap '' HUP TERM; sleep 4716"]);
      expect(await sleeps(4716, 1)).toBe(1);
      closed.terminal.close();
      await closed.child.exited;
      expect(await sleeps(4716, 0)).toBe(0);

      using ended = atTerminal(compose.world, ["run", "-e", "a", "--", "sleep", "4717"]);
      expect(await sleeps(4717, 1)).toBe(1);
      ended.child.kill("SIGTERM");
      expect(await ended.child.exited).toBe(143);
      expect(await sleeps(4717, 0)).toBe(0);
      expect(ended.terminal.localFlags & echo).toBe(echo);
    },
    minute,
  );

  test(
    "in a pipe there is no terminal, and every byte comes through as it is",
    async () => {
      const { world } = compose;
      const bytes = new Uint8Array(3 * 256 * 1024).map((_, index) => (index * 7 + (index >> 8)) & 255);
      const script = "test -t 0 || test -t 1 || echo no terminal >&2; cat; exit 9";
      const child = Bun.spawn([testedProgram(), "run", "-e", "a", "--", "sh", "-c", script], {
        cwd: world.repository,
        env: world.env,
        stdin: bytes,
        stdout: "pipe",
        stderr: "pipe",
      });
      const [out, err] = await Promise.all([new Response(child.stdout).bytes(), new Response(child.stderr).text()]);
      expect(await child.exited).toBe(9);
      expect(err).toBe("no terminal\n");
      expect(Buffer.compare(out, bytes)).toBe(0);
      // Nothing to read at all is an end of file, not a wait.
      expect(await world.ok(["run", "-e", "a", "--", "wc", "-c"])).toBe("0\n");
      // Who reads only the beginning ends the rest.
      const first = await world.ok(["run", "--host", "-e", "a", "--", "sh", "-c", `"${testedProgram()}" run -e a -- yes | head -n 1`]);
      expect(first).toBe("y\n");
      expect(
        await eventually(
          () => docker("top", web).includes("yes"),
          (there) => !there,
          15_000,
        ),
      ).toBe(false);
    },
    minute,
  );
});
