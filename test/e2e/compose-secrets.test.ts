// Secrets that come from the caller's shell and from .env, and one-off containers of services that lean on others.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { composeWorld, projectName } from "../support/compose-app.ts";
import { docker, dockerReason } from "../support/docker.ts";

const reason = dockerReason();
const minute = 60_000;

const wt = (more: string) => `project: ${projectName}
runtime: compose
compose: { files: [deploy/compose.yaml] }
${more}`;

const withSecrets = (image: string) => ({
  "wt.yaml": wt("copy: [deploy/.env]\n"),
  ".gitignore": "/deploy/.env\n",
  "deploy/.env": "FROM_FILE=kept beside the file\n",
  "deploy/compose.yaml": `services:
  web:
    image: ${image}
    init: true
    command: [sh, -c, "cat /run/secrets/shell /run/secrets/file /settings; exec sleep 100000"]
    secrets: [shell, file]
    configs: [settings]
secrets: { shell: { environment: FROM_SHELL }, file: { environment: FROM_FILE } }
configs: { settings: { environment: FROM_FILE } }
`,
});

const leaning = (image: string) => ({
  "wt.yaml": wt(`setup:
  - { run: "cat /sys/class/net/eth0/address > /data/seen && cat /data/brought", service: tool }
`),
  "deploy/compose.yaml": `services:
  web:
    image: ${image}
    init: true
    command: [sh, -c, "mkdir /www; exec httpd -f -p 8000 -h /www"]
    volumes: ["data:/data", "../brought:/data/brought"]
  tool:
    image: ${image}
    init: true
    command: [sh, -c, "cat /data/seen; exec sleep 100000"]
    network_mode: service:web
    volumes_from: [web]
volumes: { data: {} }
`,
  brought: "by volumes_from\n",
});

describe.skipIf(reason !== null)(`secrets and one-off containers${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test(
    "a secret of the shell and one of .env are in the container; another shell, after a restart of the daemon, is told what it lacks",
    async () => {
      await using compose = await composeWorld(withSecrets);
      const { world } = compose;
      const cat = () => docker("exec", `${projectName}-a-web-1`, "cat", "/run/secrets/shell", "/run/secrets/file", "/settings");
      await world.ok(["daemon", "stop"]);
      const without = await world.wt(["create", "a"]);
      expect(without).toMatchObject({ code: 3, stderr: expect.stringContaining("A container needs the variable FROM_SHELL for a secret") });
      expect(compose.things()).toEqual([]);
      const created = await world.wt(["create", "a"], { env: { FROM_SHELL: "whispered-once" } });
      expect(created).toMatchObject({ code: 0 });
      expect(`${created.stdout}${created.stderr}`).not.toContain("whispered-once");
      expect(cat()).toBe("whispered-oncekept beside the filekept beside the file");

      await world.ok(["daemon", "stop"]);
      await world.ok(["up", "a"]);
      expect(cat()).toContain("whispered-once");
      await world.ok(["down", "a"]);
      const again = await world.wt(["up", "a"]);
      expect(again.code).toBe(3);
      expect(again.stderr).toContain("FROM_SHELL=… wt up");
      expect((await world.wt(["up", "a"], { env: { FROM_SHELL: "whispered-twice" } })).code).toBe(0);
      expect(cat()).toContain("whispered-twice");
      const ledger = ["", "-wal"].map((end) => readFileSync(join(world.directory, `state/worldtree/ledger.sqlite${end}`), "latin1"));
      const kept = [docker("inspect", `${projectName}-a-web-1`), ...ledger].join("\n");
      expect(kept).not.toContain("whispered");
      await world.ok(["delete", "a"]);
    },
    3 * minute,
  );

  test(
    "a setup step runs in the container of a service that has its network and mounts of another",
    async () => {
      await using compose = await composeWorld(leaning);
      const { world } = compose;
      const created = await world.wt(["create", "a"]);
      expect(`${created.stdout}${created.stderr}`).toContain("by volumes_from");
      expect(created.code).toBe(0);
      expect(docker("exec", `${projectName}-a-tool-1`, "cat", "/data/seen")).toMatch(/^[0-9a-f:]{17}$/);
      await world.ok(["delete", "a"]);
    },
    3 * minute,
  );
});
