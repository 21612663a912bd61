// Filling a database from an SQL file, and from another database, with the client programs of the machine.
import { closeSync, openSync } from "node:fs";
import { basename } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import {
  type Clients,
  type ClientWay,
  clientCommand,
  clientEnv,
  codeWords,
  dumpWords,
  findClients,
  loginWay,
  requireClient,
} from "./client-programs.ts";
import type { DatabaseCopy } from "./copy-database.ts";

export interface SqlLoad {
  path: string;
  way: ClientWay;
  database: string;
  /** What views, triggers, routines and events are defined by then; null: by whom the file says. */
  definer: string | null;
  /** The option that named the file, for errors. */
  key: string;
  /** Where to find the client. */
  searchPath: string;
  abort: AbortSignal;
}

/** Runs an SQL file in a database. Throws `WtError` with its line where the server refuses a statement. */
export async function loadSqlFile({ path, way, database, definer, key, searchPath, abort }: SqlLoad): Promise<void> {
  const client = requireClient("client", searchPath, `${key}: ${path} can only be read with`);
  const command = clientCommand(client, way, ["--batch", `--database=${database}`]);
  const input = openSync(path, "r");
  try {
    const stdin = definer === null ? input : Bun.file(path).stream().pipeThrough(definedBy(definer));
    const { code, stderr } = await run({ command, stdin, way, abort });
    if (code !== 0) throw loadError(key, path, stderr);
  } finally {
    closeSync(input);
  }
}

export function canDump(searchPath: string): boolean {
  return findClients(searchPath) !== null;
}

/** Copies everything of a database with the dump program into an empty one. False: the machine has no such programs, and nothing was done. */
export async function copyByDump({ login, writer, from, to, key, searchPath, abort }: DatabaseCopy): Promise<boolean> {
  const clients = findClients(searchPath);
  if (clients === null) return false;
  const source = { way: loginWay(login), database: from };
  await pipeDump({ clients, source, target: { way: loginWay(writer), database: to }, definer: writer.user, key, abort });
  return true;
}

export interface DumpPipe {
  clients: Clients;
  source: { way: ClientWay; database: string };
  /** Empty. */
  target: { way: ClientWay; database: string };
  definer: string | null;
  key: string;
  abort: AbortSignal;
}

/** Throws `WtError` or the abort's reason; the target may hold a part then. */
export async function pipeDump({ clients, source, target, definer, key, abort }: DumpPipe): Promise<void> {
  abort.throwIfAborted();
  const dump = spawn({
    command: clientCommand(clients.dump, source.way, [...dumpWords, ...codeWords, "--", source.database]),
    stdin: "ignore",
    way: source.way,
  });
  const load = spawn({
    command: clientCommand(clients.client, target.way, ["--batch", `--database=${target.database}`]),
    stdin: definer === null ? dump.stdout : dump.stdout.pipeThrough(definedBy(definer)),
    way: target.way,
  });
  const kill = () => {
    dump.kill("SIGKILL");
    load.kill("SIGKILL");
  };
  abort.addEventListener("abort", kill, { once: true });
  try {
    const errors = [dump.stderr, load.stderr].map((stream) => new Response(stream).text());
    const [dumpError = "", loadErrors = ""] = await Promise.all([...errors, new Response(load.stdout).text()]);
    const [dumped, loaded] = [await dump.exited, await load.exited];
    abort.throwIfAborted();
    if (loaded === 0 && dumped === 0) return;
    throw copyError({ from: source.database, to: target.database, key, said: loaded === 0 ? dumpError : loadErrors || dumpError });
  } finally {
    abort.removeEventListener("abort", kill);
  }
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
  way: ClientWay;
}

function spawn({ command, stdin, way }: Running) {
  return Bun.spawn(command, { cwd: "/", env: clientEnv(way), stdin, stdout: "pipe", stderr: "pipe" });
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
    code: isFull(stderr) ? "disk_full" : "sql_failed",
    message: `${key}: ${where} failed: ${reason}.`,
    hints: isFull(stderr) ? ["The disk is full: free some space, then try again."] : [],
    details: { lines: stderr.trim().split("\n").slice(-12) },
  });
}

/** A full disk shows itself as the system's number, or as a table that cannot grow. */
export function isFull(said: string): boolean {
  return /No space left on device|Errcode: 28\b|errno: 28\b|ERROR (1021|1041|1114) |The table .* is full/i.test(said);
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
