import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ContainerTry, readAnswers, tryFromContainer } from "./container-tries.ts";

const tries: ContainerTry[] = [
  { kind: "name", name: "db" },
  { kind: "connect", host: "10.0.0.2", port: 80 },
  { kind: "connect", host: "10.0.0.3", port: 80 },
];

describe("what a container says", () => {
  test("is read in the order of the tries, whatever order it comes in", () => {
    const output = "2 -\n0 Server: 127.0.0.11 Name: db Address 1: 10.0.0.4 db\n1 open\nend\n";
    expect(readAnswers(output, tries)).toEqual([
      { addresses: ["127.0.0.11", "10.0.0.4"], open: null },
      { addresses: null, open: true },
      { addresses: null, open: false },
    ]);
  });

  test("tells what cannot be tried from what is not reached", () => {
    expect(readAnswers("0 cannot\n1 cannot\n2 -\nend\n", tries)?.map(({ open }) => open)).toEqual([null, null, false]);
  });

  test("counts for nothing when it broke off", () => {
    expect(readAnswers("0 10.0.0.1\n1 open\n", tries)).toBeNull();
    expect(readAnswers('OCI runtime exec failed: exec: "sh": executable file not found in $PATH', tries)).toBeNull();
  });
});

/** Version managers put a script in Python's place, which needs more than this directory. */
function executable(program: string): string {
  if (program !== "python3") return Bun.which(program) ?? "";
  return Bun.spawnSync([program, "-c", "import sys; print(sys.executable)"]).stdout.toString().trim();
}

// What would run in a container runs here: a program in docker's place leaves out `exec <container>`, and finds only the programs of one directory.
describe.each([
  ["python3", ["python3"]],
  ["node", ["node"]],
  ["bash", ["sh", "bash", "timeout", "getent"]],
  ["busybox", ["sh", "busybox:nc", "busybox:nslookup"]],
  ["nothing but a shell", ["sh"]],
  ["nothing at all", []],
])("with %s", (name, programs) => {
  const missing = programs.map((each) => each.split(":")[0] ?? "").find((each) => !Bun.which(each));
  test.skipIf(missing !== undefined)(
    `an open port, a closed one and a name${missing ? ` (left out: there is no ${missing} here)` : ""}`,
    async () => {
      const directory = mkdtempSync(join(tmpdir(), "wt-tries-"));
      const server = createServer((socket) => socket.end()).listen(0, "127.0.0.1");
      try {
        await new Promise((resolve) => server.once("listening", resolve));
        for (const each of programs) {
          const [program = "", applet = program] = each.split(":");
          symlinkSync(executable(program), join(directory, applet));
        }
        const instead = join(directory, "docker-instead");
        writeFileSync(instead, `#!/bin/sh\nshift 2\nPATH='${directory}'\nexec "$@"\n`, { mode: 0o755 });
        const address = server.address();
        const open = typeof address === "object" && address ? address.port : 0;
        const asked: ContainerTry[] = [
          { kind: "connect", host: "127.0.0.1", port: open },
          { kind: "connect", host: "127.0.0.1", port: 1 },
          { kind: "name", name: "localhost" },
        ];
        const docker = { command: [instead], env: { PATH: process.env.PATH ?? "" }, abort: AbortSignal.timeout(20_000) };
        const [reached, closed, named] = await tryFromContainer(docker, "container", asked);
        const able = !name.startsWith("nothing");
        expect([reached?.open, closed?.open]).toEqual(able ? [true, false] : [null, null]);
        if (!able) expect(named?.addresses).toBeNull();
        else if (name !== "busybox") expect(named?.addresses).toContain("127.0.0.1");
      } finally {
        server.close();
        rmSync(directory, { recursive: true });
      }
    },
  );
});
