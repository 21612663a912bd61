import { describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { observeResolution, type Resolution, resolutionFindings } from "./resolution-check.ts";

const fine: Resolution = { here: true, curl: true, node: true, browser: null, container: null, sources: "files myhostname" };
const problems = (seen: Partial<Resolution>) => resolutionFindings({ ...fine, ...seen }).filter(({ level }) => level !== "ok");

describe("names under .localhost", () => {
  test("that everybody finds are one line", () => {
    expect(resolutionFindings(fine).map(({ code }) => code)).toEqual(["localhost_resolves"]);
  });

  test("that the system does not find: why, and what leads there all the same", () => {
    const [finding] = problems({ here: false, sources: "files dns" });
    expect(finding).toMatchObject({ code: "localhost_does_not_resolve", fix: expect.stringContaining("wt status") });
    expect(finding?.message).toContain("since nobody that it asks (files dns, says /etc/nsswitch.conf) answers for them");
    expect(problems({ here: false, sources: null })[0]?.message).toContain("worldtree-check.localhost; browsers do.");
  });

  test("Node is named only where the system finds them; what it asks is the system's", () => {
    expect(problems({ node: false }).map(({ code }) => code)).toEqual(["node_does_not_resolve"]);
    expect(problems({ node: false, here: false }).map(({ code }) => code)).toEqual(["localhost_does_not_resolve"]);
  });

  test("curl and the browser each have a cause and a command", () => {
    const found = problems({ curl: false, browser: false });
    expect(found.map(({ code }) => code)).toEqual(["curl_does_not_resolve", "browser_does_not_resolve"]);
    for (const { message, fix } of found)
      expect([message, fix]).toEqual([expect.stringContaining(":"), expect.stringMatching(/^(curl|env) /)]);
  });

  test("in a container they mean the container: said, and no fault", () => {
    const told = (container: string) => resolutionFindings({ ...fine, container }).at(-1);
    expect(told("127.0.0.1")).toMatchObject({ code: "container_resolution", level: "ok" });
    expect(told("127.0.0.1")?.message).toContain("leads to 127.0.0.1, the container itself");
    expect(told("")?.message).toContain("is not found; services of this machine are reached as host.docker.internal");
  });
});

describe("asking the programs", () => {
  function programs(scripts: Record<string, string>) {
    const directory = mkdtempSync(join(tmpdir(), "wt-programs-"));
    for (const [name, script] of Object.entries(scripts)) {
      writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
      chmodSync(join(directory, name), 0o755);
    }
    return { env: { PATH: directory }, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
  }
  const codes = async (env: Record<string, string>) => (await observeResolution(env, { full: true })).map(({ code }) => code);

  test("what each answers counts", async () => {
    const docker = 'case "$1" in image) echo registry.example.com/library/postgres:17;; *) echo "::1 worldtree-check.localhost";; esac';
    using at = programs({ curl: "exit 6", chromium: "echo '<html>no such page</html>'", docker });
    const found = await codes(at.env);
    for (const code of ["curl_does_not_resolve", "browser_does_not_resolve", "container_resolution"]) expect(found).toContain(code);
  });

  test("a program that is not there, or a container that cannot run, is no finding, and no profile of a browser stays", async () => {
    using at = programs({ docker: "exit 1" });
    const found = await codes(at.env);
    expect(found.filter((code) => !code.startsWith("localhost"))).toEqual([]);
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith("worldtree-browser-"))).toEqual([]);
  });
});
