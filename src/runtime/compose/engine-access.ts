// Which engine is the user's: what `docker` itself would talk to, as long as it is on this machine.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { createDockerEngine, type DockerEngine } from "../../os/docker-engine.ts";
import { exec } from "../../os/exec.ts";

export interface EngineAccess {
  /** Throws `WtError` when it is not on this machine. Whether it answers is not asked. */
  engine(): Promise<DockerEngine>;
  engineAt(socketPath: string): DockerEngine;
}

/** `env`: of the user's shell or the daemon: DOCKER_HOST, DOCKER_CONTEXT, DOCKER_CONFIG, HOME, PATH, XDG_RUNTIME_DIR. */
export function createEngineAccess(env: Readonly<Record<string, string>>): EngineAccess {
  const engines = new Map<string, DockerEngine>();
  const engineAt = (socketPath: string) => {
    const engine = engines.get(socketPath) ?? createDockerEngine(socketPath);
    engines.set(socketPath, engine);
    return engine;
  };
  return { engineAt, engine: async () => engineAt(socketOf(await readEndpoint(env))) };
}

async function readEndpoint(env: Readonly<Record<string, string>>): Promise<string> {
  if (env.DOCKER_HOST) return env.DOCKER_HOST;
  const context = env.DOCKER_CONTEXT || readCurrentContext(env);
  if (context !== null && context !== "default") {
    const format = "{{.Endpoints.docker.Host}}";
    const { code, stdout, stderr } = await exec(["docker", "context", "inspect", context, "--format", format], {
      cwd: "/",
      env: { ...env },
    });
    if (code === 0) return stdout.trim();
    throw new WtError({
      kind: "machine",
      code: "engine_context",
      message: `Docker's context ${context} cannot be read (${stderr.trim().split("\n").at(-1)}).`,
      hints: ["Run `docker context ls`, and choose one with `docker context use`."],
    });
  }
  const runtime = env.XDG_RUNTIME_DIR;
  const own = runtime ? [join(runtime, "docker.sock"), join(runtime, "podman/podman.sock")] : [];
  const usual = ["/var/run/docker.sock", ...own, "/run/podman/podman.sock"];
  return `unix://${usual.find((path) => existsSync(path)) ?? usual[0]}`;
}

function readCurrentContext(env: Readonly<Record<string, string>>): string | null {
  try {
    const path = join(env.DOCKER_CONFIG || join(env.HOME ?? "", ".docker"), "config.json");
    const { currentContext } = JSON.parse(readFileSync(path, "utf8")) as { currentContext?: unknown };
    return typeof currentContext === "string" && currentContext !== "" ? currentContext : null;
  } catch {
    // No settings: the default context.
    return null;
  }
}

function socketOf(endpoint: string): string {
  if (endpoint.startsWith("unix://")) return endpoint.slice("unix://".length);
  throw new WtError({
    kind: "machine",
    code: "engine_remote",
    message: `Docker is set to the engine at ${endpoint}, and wt runs containers only on this machine.`,
    hints: ["Unset DOCKER_HOST, or choose a local context with `docker context use default`."],
  });
}
