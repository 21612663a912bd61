// Looks and knocks from inside a container, with what its image has. Every program used ends by itself within seconds, so nothing stays there.
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";

export type ContainerTry = { kind: "name"; name: string } | { kind: "connect"; host: string; port: number };

export interface ContainerAnswer {
  /** IPv4 addresses that a name led to; null: the image has nothing that looks up names. */
  addresses: string[] | null;
  /** null: the image has nothing that opens connections. */
  open: boolean | null;
}

export interface DockerCall {
  /** `docker --host unix:///…`. */
  command: readonly string[];
  env: Record<string, string>;
  abort: AbortSignal;
}

const cannot = "cannot";
const none: ContainerAnswer = { addresses: null, open: null };

/** One answer for each try, in order. Throws `WtError` only where docker itself is not there, and the reason of `abort`. */
export async function tryFromContainer(docker: DockerCall, id: string, tries: readonly ContainerTry[]): Promise<ContainerAnswer[]> {
  if (tries.length === 0) return [];
  const words = tries.flatMap((one) => (one.kind === "name" ? ["n", one.name, "-"] : ["c", one.host, String(one.port)]));
  for (const program of programs) {
    const { stdout } = await exec([...docker.command, "exec", id, ...program, ...words], {
      cwd: "/",
      env: docker.env,
      abort: docker.abort,
      killSignal: "SIGTERM",
    });
    const answers = readAnswers(stdout, tries);
    if (answers !== null) return answers;
  }
  return tries.map(() => none);
}

/** Lines of `<number> <answer>` and a last one that says `end`; null: the program was not there, or broke off. */
export function readAnswers(output: string, tries: readonly ContainerTry[]): ContainerAnswer[] | null {
  const lines = output.split("\n").map((line) => line.trim());
  if (!lines.includes("end")) return null;
  const said = new Map(lines.map((line) => [line.split(" ")[0] ?? "", line.slice(line.indexOf(" ") + 1)]));
  return tries.map(({ kind }, at): ContainerAnswer => {
    const answer = said.get(String(at)) ?? cannot;
    if (answer === cannot) return none;
    if (kind === "connect") return { ...none, open: answer === "open" };
    return { ...none, addresses: [...new Set(answer.match(/\b\d{1,3}(?:\.\d{1,3}){3}\b/g) ?? [])] };
  });
}

const python = `
import socket, sys, threading
words = sys.argv[1:]
answers = {}
def one(at, kind, host, port):
    try:
        if kind == "n":
            answers[at] = " ".join(sorted(set(each[4][0] for each in socket.getaddrinfo(host, None)))) or "-"
        else:
            socket.create_connection((host, int(port)), 2).close()
            answers[at] = "open"
    except Exception:
        answers[at] = "-"
threads = []
for at in range(0, len(words), 3):
    thread = threading.Thread(target=one, args=[at // 3] + words[at:at + 3])
    thread.daemon = True
    thread.start()
    threads.append(thread)
for thread in threads:
    thread.join(8)
for at in range(len(threads)):
    print("%d %s" % (at, answers.get(at, "-")))
print("end")
`;

const node = `
const words = process.argv.slice(1), jobs = [];
const name = (host) => new Promise((done) => require("dns").lookup(host, { all: true }, (error, all) => done(error ? "-" : all.map((each) => each.address).join(" "))));
const knock = (host, port) => new Promise((done) => {
  const socket = require("net").connect({ host, port: Number(port) });
  const finish = (answer) => { socket.destroy(); done(answer); };
  socket.setTimeout(2000, () => finish("-"));
  socket.on("error", () => finish("-"));
  socket.once("connect", () => finish("open"));
});
for (let at = 0; at < words.length; at += 3) jobs.push(words[at] === "n" ? name(words[at + 1]) : knock(words[at + 1], words[at + 2]));
Promise.all(jobs).then((all) => { all.forEach((answer, at) => console.log(at + " " + answer)); console.log("end"); process.exit(0); });
`;

/** busybox's nc knows no -z and OpenBSD's no -e; bash waits for minutes unless it is stopped. */
const shell = `
set -f
have() { command -v "$1" >/dev/null 2>&1; }
look() {
  if have getent; then getent ahosts "$1" || getent hosts "$1" || echo -
  elif have nslookup; then nslookup "$1" || echo -
  elif have ping; then ping -c 1 -W 1 "$1" || echo -
  else echo cannot; fi
}
knock() {
  if have bash && have timeout; then timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" && echo open || echo -
  elif have nc; then { nc -z -w 2 "$1" "$2" </dev/null || nc -w 2 "$1" "$2" -e true </dev/null; } >/dev/null && echo open || echo -
  elif have wget; then wget -q -T 2 --spider "http://$1:$2/" && echo open || echo -
  else echo cannot; fi
}
at=0
while [ $# -gt 2 ]; do
  if [ "$1" = n ]; then ( echo "$at" $(look "$2" 2>/dev/null) ) & else ( echo "$at" $(knock "$2" "$3" 2>/dev/null) ) & fi
  at=$((at + 1)); shift 3
done
wait
echo end
`;

const programs = [
  ["python3", "-c", python],
  ["node", "-e", node],
  ["sh", "-c", shell, "sh"],
];

export interface ContainerPlace {
  id: string;
  name: string;
  /** Of the container in its networks: `name` and all else that Docker's resolver knows it by. */
  aliases: string[];
  networks: { name: string; address: string; gateway: string }[];
  /** TCP ports that the image or the compose file says it listens on. */
  ports: number[];
  published: { hostIp: string; hostPort: number }[];
}

interface Inspected {
  Id: string;
  Name: string;
  Config: { ExposedPorts?: Record<string, unknown> | null };
  NetworkSettings: {
    Ports?: Record<string, { HostIp: string; HostPort: string }[] | null> | null;
    Networks?: Record<string, { IPAddress?: string; Gateway?: string; Aliases?: string[] | null; DNSNames?: string[] | null }> | null;
  };
}

/** Throws `WtError` (`machine`, `container_unseen`) when one of them cannot be inspected. */
export async function inspectPlaces(docker: DockerCall, ids: readonly string[]): Promise<ContainerPlace[]> {
  if (ids.length === 0) return [];
  const { code, stdout, stderr } = await exec([...docker.command, "inspect", "--type", "container", ...ids], {
    cwd: "/",
    env: docker.env,
    abort: docker.abort,
  });
  if (code !== 0) {
    const message = `Docker does not show a container that runs: ${stderr.trim().split("\n").at(-1)}`;
    throw new WtError({ kind: "machine", code: "container_unseen", message, hints: ["Try again; see what runs: docker ps"] });
  }
  return (JSON.parse(stdout) as Inspected[]).map(placeOf);
}

function placeOf({ Id, Name, Config, NetworkSettings }: Inspected): ContainerPlace {
  const name = Name.replace(/^\//, "");
  const networks = Object.entries(NetworkSettings.Networks ?? {});
  const bindings = Object.entries(NetworkSettings.Ports ?? {});
  const targets = [...Object.keys(Config.ExposedPorts ?? {}), ...bindings.map(([key]) => key)];
  return {
    id: Id,
    name,
    aliases: [...new Set([name, ...networks.flatMap(([, { Aliases, DNSNames }]) => [...(DNSNames ?? []), ...(Aliases ?? [])])])],
    networks: networks.map(([network, { IPAddress, Gateway }]) => ({ name: network, address: IPAddress ?? "", gateway: Gateway ?? "" })),
    ports: [...new Set(targets.flatMap((key) => (key.endsWith("/tcp") ? [Number.parseInt(key, 10)] : [])))],
    published: bindings.flatMap(([, holders]) =>
      (holders ?? []).map(({ HostIp, HostPort }) => ({ hostIp: HostIp, hostPort: Number(HostPort) })),
    ),
  };
}
