// Filling a database from an SQL file, and from another database of the same server, with the client programs of the machine.
import { closeSync, openSync } from "node:fs";
import { basename } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { withSocketPath } from "../../os/socket-path.ts";
import type { DatabaseCopy } from "./copy-database.ts";
import { appName, type Login } from "./mysql-connection.ts";
import { findClient } from "./server-programs.ts";

export interface SqlLoad {
  path: string;
  /** Of a server of our own. */
  socket: { directory: string; name: string };
  /** The option that named the file, for errors. */
  key: string;
  /** Where to find the client. */
  searchPath: string;
  abort: AbortSignal;
}

const clientNames = ["mariadb", "mysql"] as const;
const dumpNames = ["mariadb-dump", "mysqldump"] as const;

/** Runs an SQL file as root in the app's database. Throws `WtError` with its line where the server refuses a statement. */
export async function loadSqlFile({ path, socket, key, searchPath, abort }: SqlLoad): Promise<void> {
  const client = findClient(clientNames, searchPath);
  if (client === null) throw clientMissing(key, `${path} can only be read with`);
  const input = openSync(path, "r");
  try {
    await withSocketPath(socket.directory, socket.name, async (at) => {
      // Not the short way through our own descriptors: the client has others.
      const way = at.replace("/proc/self/", `/proc/${process.pid}/`);
      const command = [
        client,
        "--no-defaults",
        "--user=root",
        `--socket=${way}`,
        "--default-character-set=utf8mb4",
        "--batch",
        `--database=${appName}`,
      ];
      const { code, stderr } = await run({ command, stdin: input, env: {}, abort });
      if (code !== 0) throw loadError(key, path, stderr);
    });
  } finally {
    closeSync(input);
  }
}

export function canDump(searchPath: string): boolean {
  return findClient(clientNames, searchPath) !== null && findClient(dumpNames, searchPath) !== null;
}

/** Copies everything of a database with the dump program into an empty one. False: the machine has no such programs, and nothing was done. */
export async function copyByDump({ login, writer, from, to, key, searchPath, abort }: DatabaseCopy): Promise<boolean> {
  const [client, dump] = [findClient(clientNames, searchPath), findClient(dumpNames, searchPath)];
  if (client === null || dump === null) return false;
  const wanted = ["--single-transaction", "--quick", "--routines", "--events", "--triggers", "--hex-blob", "--no-tablespaces"];
  const source = spawn({
    command: [dump, ...optionsFor(login), ...wanted, "--", from],
    stdin: "ignore",
    env: { MYSQL_PWD: login.password },
  });
  const target = spawn({
    command: [client, ...optionsFor(writer), "--batch", `--database=${to}`],
    stdin: source.stdout.pipeThrough(definedBy(writer.user)),
    env: { MYSQL_PWD: writer.password },
  });
  const kill = () => {
    source.kill("SIGKILL");
    target.kill("SIGKILL");
  };
  abort.addEventListener("abort", kill, { once: true });
  try {
    const errors = [source.stderr, target.stderr].map((stream) => new Response(stream).text());
    const [dumpError = "", loadErrors = ""] = await Promise.all([...errors, new Response(target.stdout).text()]);
    const [dumped, loaded] = [await source.exited, await target.exited];
    abort.throwIfAborted();
    if (loaded === 0 && dumped === 0) return true;
    throw copyError({ from, to, key, said: loaded === 0 ? dumpError : loadErrors || dumpError });
  } finally {
    abort.removeEventListener("abort", kill);
  }
}

function optionsFor({ host, port, user }: Login): string[] {
  return ["--no-defaults", "--protocol=tcp", `--host=${host}`, `--port=${port}`, `--user=${user}`, "--default-character-set=utf8mb4"];
}

/** A dump's lines with this account in the place of whoever defined views, triggers, routines and events. Rows of tables never begin a line so. */
export function definedBy(account: string): TransformStream<Uint8Array, Uint8Array> {
  const by = `DEFINER=\`${Buffer.from(account).toString("latin1")}\`@\`%\``;
  const rewrite = (line: string) =>
    /^(\/\*!50\d+ |CREATE )/.test(line) ? line.replace(/\bDEFINER=`(?:[^`]|``)*`@`(?:[^`]|``)*`/, () => by) : line;
  let rest = "";
  return new TransformStream({
    transform(chunk, controller) {
      rest += Buffer.from(chunk).toString("latin1");
      const end = rest.lastIndexOf("\n");
      if (end === -1) return;
      controller.enqueue(Buffer.from(rest.slice(0, end).split("\n").map(rewrite).join("\n").concat("\n"), "latin1"));
      rest = rest.slice(end + 1);
    },
    flush(controller) {
      if (rest) controller.enqueue(Buffer.from(rewrite(rest), "latin1"));
    },
  });
}

interface Running {
  command: string[];
  stdin: number | "ignore" | ReadableStream;
  env: Record<string, string>;
}

function spawn({ command, stdin, env }: Running) {
  return Bun.spawn(command, { cwd: "/", env: { PATH: "/usr/bin:/bin", LC_ALL: "C", ...env }, stdin, stdout: "pipe", stderr: "pipe" });
}

async function run({ abort, ...running }: Running & { abort: AbortSignal }): Promise<{ code: number; stderr: string }> {
  abort.throwIfAborted();
  const child = spawn(running);
  const kill = () => child.kill("SIGKILL");
  abort.addEventListener("abort", kill, { once: true });
  try {
    const [, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    const code = await child.exited;
    abort.throwIfAborted();
    return { code, stderr };
  } finally {
    abort.removeEventListener("abort", kill);
  }
}

/** `ERROR 1064 (42000) at line 3: You have an error …`; what follows may be the statement. */
function loadError(key: string, path: string, stderr: string): WtError {
  const match = /^ERROR (\d+) \((\w+)\)(?: at line (\d+))?[^:]*: (.*)$/m.exec(stderr);
  const where = match?.[3] ? `${basename(path)} line ${match[3]}` : basename(path);
  const reason = match
    ? `${match[4]?.replace(/\.$/, "")} (error ${match[1]})`
    : (stderr.trim().split("\n").at(-1) ?? "").replace(/\.$/, "");
  return new WtError({
    kind: "machine",
    code: "sql_failed",
    message: `${key}: ${where} failed: ${reason}.`,
    details: { lines: stderr.trim().split("\n").slice(-12) },
  });
}

function copyError({ from, to, key, said }: { from: string; to: string; key: string; said: string }): WtError {
  const lines = said.trim().split("\n");
  const reason = lines.find((line) => /ERROR|error/.test(line)) ?? lines.at(-1) ?? "";
  const hints = /\(42000\).*denied/.test(reason)
    ? [`A trigger or routine whose own text names the database ${from} cannot be copied; write it without.`]
    : [];
  if (/log_bin_trust_function_creators|SUPER/.test(reason)) hints.push("On that server: SET GLOBAL log_bin_trust_function_creators = 1.");
  return new WtError({
    kind: "machine",
    code: "mysql_copy_failed",
    message: `${key}: the database ${from} could not be copied to ${to}: ${reason.replace(/^(mysqldump|mariadb-dump): /, "").replace(/\.$/, "")}.`,
    hints,
    details: { lines: lines.slice(-12) },
  });
}

function clientMissing(key: string, what: string): WtError {
  return new WtError({
    kind: "machine",
    code: "program_missing",
    message: `${key}: ${what} the client program of MariaDB or MySQL, which was not found.`,
    hints: [`Install it with \`${process.platform === "darwin" ? "brew install mariadb" : "sudo apt-get install mariadb-client"}\`.`],
    details: { program: "mariadb" },
  });
}
