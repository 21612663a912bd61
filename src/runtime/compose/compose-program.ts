// Docker Compose as a program: which one it is, and how it is called.
import { WtError } from "../../errors/wt-error.ts";
import { type ExecResult, exec } from "../../os/exec.ts";

export interface ComposeCall {
  args: readonly string[];
  directory: string;
  /** On standard input, where the arguments say `-f -`. */
  model?: string;
  /** Added to what the program needs to run. */
  env?: Readonly<Record<string, string>>;
  abort: AbortSignal;
  onLine?(line: string): void;
}

export interface FoundCompose {
  command: string[];
  version: string;
}

export interface ComposeProgram {
  /** The words it is called by, and its version. Throws `WtError` (`docker_missing`, `compose_missing`, `compose_old`). */
  find(abort: AbortSignal): Promise<FoundCompose>;
  run(call: ComposeCall): Promise<ExecResult>;
}

const oldest = [2, 20] as const;

/** What any program needs, and what decides how images are fetched and built. Nothing else of the daemon's environment reaches Compose, as files could take it in. */
const passedOn =
  /^(PATH|HOME|USER|LOGNAME|LANG|LC_ALL|TMPDIR|TZ|SSH_AUTH_SOCK|XDG_[A-Z_]+|DOCKER_(CONFIG|CERT_PATH|BUILDKIT|DEFAULT_PLATFORM)|BUILDKIT_[A-Z_]+|(https?|no|all)_proxy)$/i;

/** `endpoint`: `unix://…`, the engine that the API calls go to as well. */
export function createComposeProgram(env: Readonly<Record<string, string>>, endpoint: () => Promise<string>): ComposeProgram {
  let known: FoundCompose | null = null;
  const base = Object.fromEntries(Object.entries(env).filter(([key]) => passedOn.test(key)));

  const find = async (abort: AbortSignal) => {
    known ??= await findCompose(base, abort);
    return known;
  };

  return {
    find,
    async run({ args, directory, model, env: added, abort, onLine }) {
      const { command } = await find(abort);
      return exec([...command, "--ansi", "never", ...args], {
        cwd: directory,
        env: {
          ...base,
          ...added,
          DOCKER_HOST: await endpoint(),
          // Set, so that a repository's `.env` cannot set them: files and profiles are those of the arguments.
          COMPOSE_FILE: "",
          COMPOSE_PROFILES: "",
          COMPOSE_ENV_FILES: "",
          // A repository's file may not have anything fetched before a person has agreed to it.
          COMPOSE_EXPERIMENTAL_GIT_REMOTE: "false",
          COMPOSE_EXPERIMENTAL_OCI_REMOTE: "false",
          DOCKER_CLI_HINTS: "false",
          // With them an image that did not change may get another id.
          BUILDX_NO_DEFAULT_ATTESTATIONS: "1",
          // A part of a stack is made alone, and the rest of it is no orphan.
          COMPOSE_IGNORE_ORPHANS: "true",
          COMPOSE_REMOVE_ORPHANS: "false",
        },
        abort,
        killSignal: "SIGTERM",
        ...(model === undefined ? {} : { stdin: model }),
        ...(onLine ? { onLine } : {}),
      });
    },
  };
}

async function findCompose(env: Record<string, string>, abort: AbortSignal): Promise<FoundCompose> {
  const answers: FoundCompose[] = [];
  let hasDocker = true;
  for (const command of [["docker", "compose"], ["docker-compose"]]) {
    try {
      const { code, stdout } = await exec([...command, "version", "--short"], { cwd: "/", env, abort });
      if (code === 0) answers.push({ command, version: stdout.trim().replace(/^v/, "") });
    } catch (error) {
      if (!(error instanceof WtError && error.code === "program_missing")) throw error;
      if (command[0] === "docker") hasDocker = false;
    }
  }
  const found = answers.find(({ version }) => isNewEnough(version));
  if (found) return found;
  const [old] = answers;
  if (old) {
    throw new WtError({
      kind: "machine",
      code: "compose_old",
      message: `Docker Compose ${old.version} is too old; wt needs ${oldest.join(".")} or newer.`,
      hints: ["Install a newer one: https://docs.docker.com/compose/install/."],
      details: { version: old.version },
    });
  }
  const message = hasDocker
    ? "Docker is here, but its Compose plugin is not."
    : "Docker is not installed: there is no `docker` on the PATH.";
  throw new WtError({
    kind: "machine",
    code: hasDocker ? "compose_missing" : "docker_missing",
    message,
    hints: [hasDocker ? "Install it: https://docs.docker.com/compose/install/." : "Install it: https://docs.docker.com/engine/install/."],
  });
}

/** `2.26.1-4`, `v2.20.0`, `5.0.0`. */
export function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version
    .replace(/^v/, "")
    .split(".")
    .map((part) => Number.parseInt(part, 10));
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
}
