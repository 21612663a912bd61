// The client programs of MySQL and MariaDB as they are installed here, and how they come in: as root over the private socket, or as anybody over a
// port. No password ever stands among a program's arguments.
import { WtError } from "../../errors/wt-error.ts";
import { withSocketPath } from "../../os/socket-path.ts";
import type { Login } from "./mysql-connection.ts";
import { type ServerHome, socketName } from "./server-home.ts";
import { findClient } from "./server-programs.ts";

/** What a program is given to come in. */
export interface ClientWay {
  words: readonly string[];
  env: Readonly<Record<string, string>>;
}

export interface Clients {
  client: string;
  dump: string;
}

const clientNames = ["mariadb", "mysql"] as const;
const dumpNames = ["mariadb-dump", "mysqldump"] as const;

/** null: the machine has not both of them. */
export function findClients(searchPath: string): Clients | null {
  const [client, dump] = [findClient(clientNames, searchPath), findClient(dumpNames, searchPath)];
  return client === null || dump === null ? null : { client, dump };
}

/** Throws `WtError` (`machine`, `program_missing`). `what` is a sentence that ends before the program's name. */
export function requireClient(kind: "client" | "dump", searchPath: string, what: string): string {
  const found = findClient(kind === "client" ? clientNames : dumpNames, searchPath);
  if (found !== null) return found;
  const program = kind === "client" ? "mariadb" : "mariadb-dump";
  throw new WtError({
    kind: "machine",
    code: "program_missing",
    message: `${what} the program ${program} (or ${kind === "client" ? "mysql" : "mysqldump"}), which was not found.`,
    hints: [`Install it with \`${process.platform === "darwin" ? "brew install mariadb" : "sudo apt-get install mariadb-client"}\`.`],
    details: { program },
  });
}

export function loginWay({ host, port, user, password }: Login): ClientWay {
  return { words: ["--protocol=tcp", `--host=${host}`, `--port=${port}`, `--user=${user}`], env: { MYSQL_PWD: password } };
}

/** As the root of a server of ours; only valid while `use` runs. */
export function withRootWay<T>({ home }: Pick<ServerHome, "home">, use: (way: ClientWay) => Promise<T>): Promise<T> {
  return withSocketPath(home, socketName, (at) => {
    // Not the short way through our own descriptors: the client has others.
    const path = at.replace("/proc/self/", `/proc/${process.pid}/`);
    return use({ words: ["--user=root", `--socket=${path}`], env: {} });
  });
}

/** The whole command: no file of the user leads elsewhere. */
export function clientCommand(program: string, way: ClientWay, words: readonly string[]): string[] {
  return [program, "--no-defaults", ...way.words, "--default-character-set=utf8mb4", ...words];
}

export function clientEnv(way: ClientWay): Record<string, string> {
  return { PATH: "/usr/bin:/bin", LC_ALL: "C", ...way.env };
}

/** Everything that a database is made of. */
export const dumpWords = ["--single-transaction", "--quick", "--hex-blob", "--no-tablespaces"] as const;
export const codeWords = ["--routines", "--events", "--triggers"] as const;
