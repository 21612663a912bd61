// Docker in tests: whether it can be used, and an image that needs no registry.
import { expect } from "bun:test";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { labels } from "../../src/runtime/compose/labels.ts";

let reason: string | null | undefined;

/** Why tests cannot use Docker here; null: they can. In CI they must, so there it throws instead; not for users who have no access to the engine. */
export function dockerReason(): string | null {
  if (reason === undefined) reason = whyNoDocker();
  if (reason !== null && process.env.CI && process.getuid?.() === 0) throw new Error(`Tests with Docker must run in CI, but ${reason}.`);
  return reason;
}

function whyNoDocker(): string | null {
  if (!Bun.which("docker")) return "there is no docker here";
  if (run(["docker", "compose", "version", "--short"]).exitCode !== 0) return "docker has no Compose v2 here";
  if (run(["docker", "version", "--format", "{{.Server.Version}}"]).exitCode !== 0) return "no Docker engine can be reached here";
  return Bun.which("busybox") ? null : "there is no busybox here";
}

function run(command: string[], options: { stdin?: Buffer; endpoint?: string | null } = {}): { exitCode: number; output: string } {
  const { stdin, endpoint } = options;
  const env = endpoint ? { ...process.env, DOCKER_HOST: endpoint } : process.env;
  const child = Bun.spawnSync(command, { env, stdin: stdin ?? "ignore", stdout: "pipe", stderr: "pipe" });
  return { exitCode: child.exitCode, output: `${child.stdout}${child.stderr}` };
}

/** Runs docker and gives back what it printed; a failure fails the test. */
export function docker(...args: string[]): string {
  return dockerAt(null)(...args);
}

/** The same for another engine; null: the machine's. */
export function dockerAt(endpoint: string | null): typeof docker {
  return (...args) => {
    const { exitCode, output } = run(["docker", ...args], { endpoint });
    if (exitCode !== 0) throw new Error(`docker ${args.join(" ")} ended with ${exitCode}: ${output}`);
    return output.trim();
  };
}

export interface TestImage extends Disposable {
  /** To be named in `image:`. */
  name: string;
}

/** Labels that attribute to this test run what wt did not make itself; the leak check goes by them. */
export function runLabels(): Record<string, string> {
  return { [labels.state]: tmpdir() };
}

/** An image with nothing but busybox and its commands, under a name of its own; removed when disposed. */
export function busyboxImage(endpoint: string | null = null): TestImage {
  return importedImage({ tag: "busybox" }, endpoint);
}

export interface ImportedImage {
  tag: string;
  /** As `docker import --change` takes them. */
  changes?: string[];
  /** Puts more beside busybox. */
  fill?: (root: string) => void;
}

/** The same with more in it. */
export function importedImage({ tag, changes = [], fill }: ImportedImage, endpoint: string | null = null): TestImage {
  const name = `wt-test-${crypto.randomUUID().slice(0, 8)}:${tag}`;
  const directory = mkdtempSync(join(tmpdir(), "wt-image-"));
  try {
    for (const each of ["bin", "tmp", "etc"]) mkdirSync(join(directory, each));
    chmodSync(join(directory, "tmp"), 0o1777);
    const program = Bun.which("busybox") ?? "";
    copyFileSync(program, join(directory, "bin/busybox"));
    for (const applet of run([program, "--list"]).output.trim().split("\n")) {
      if (!existsSync(join(directory, "bin", applet))) symlinkSync("busybox", join(directory, "bin", applet));
    }
    fill?.(directory);
    const tar = Bun.spawnSync(["tar", "-C", directory, "--owner=0", "--group=0", "-cf", "-", "."], { stdout: "pipe", stderr: "inherit" });
    const labels = Object.entries(runLabels()).map(([key, value]) => `LABEL ${key}=${value}`);
    const all = ["ENV PATH=/usr/bin:/bin", ...labels, ...changes].flatMap((change) => ["--change", change]);
    expect(run(["docker", "import", ...all, "-", name], { stdin: tar.stdout, endpoint })).toMatchObject({ exitCode: 0 });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return {
    name,
    [Symbol.dispose]: () => {
      dockerAt(endpoint)("image", "rm", "--force", name);
    },
  };
}
