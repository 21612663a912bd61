import { lookup } from "node:dns/promises";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DoctorFinding } from "../../api/operations.ts";
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";

const host = "worldtree-check.localhost";
const direct = "For such programs use the direct URL of a service: wt status";

/** What was tried; null: it was not, or there is no such program. */
export interface Resolution {
  /** By the system's resolver. */
  here: boolean;
  curl: boolean | null;
  node: boolean | null;
  browser: boolean | null;
  /** The address in a container, empty when there is none. */
  container: string | null;
  /** The `hosts:` line of nsswitch.conf, in which order the system asks whom; null where there is none. */
  sources: string | null;
}

/** Whether names under `.localhost` lead to this machine: here, for curl and for Node; with `full` also for a browser and in a container, which takes seconds. */
export async function observeResolution(env: Record<string, string>, { full }: { full: boolean }): Promise<DoctorFinding[]> {
  const [here, curl, node, browser, container, sources] = await Promise.all([
    resolvesHere(),
    resolvesInCurl(env),
    resolvesInNode(env),
    full ? resolvesInBrowser(env) : null,
    full ? resolvesInContainer(env) : null,
    readSources(),
  ]);
  return resolutionFindings({ here, curl, node, browser, container, sources });
}

export function resolutionFindings({ here, curl, node, browser, container, sources }: Resolution): DoctorFinding[] {
  const findings: DoctorFinding[] = [];
  if (here)
    findings.push({ code: "localhost_resolves", level: "ok", message: `Names such as ${host} resolve to this machine.`, fix: null });
  else {
    findings.push({
      code: "localhost_does_not_resolve",
      level: "warning",
      message: `Programs that ask the system's resolver do not find names such as ${host}${whyNotHere(sources)}; browsers do.`,
      fix: direct,
    });
  }
  if (curl === false) {
    findings.push({
      code: "curl_does_not_resolve",
      level: "warning",
      message: `curl does not find names such as ${host}: before 7.77 it asks the system's resolver.`,
      fix: "curl --version; for an older one use the direct URL of a service: wt status",
    });
  }
  if (node === false && here) {
    const message = `Node does not find names such as ${host}, though the system does: NODE_OPTIONS, or a resolver of its own, stands in between.`;
    findings.push({ code: "node_does_not_resolve", level: "warning", message, fix: direct });
  }
  return [...findings, ...browserFinding(browser), ...containerFinding(container)];
}

/** systemd's resolver and its small brother answer for `.localhost` themselves; DNS servers mostly do not. */
function whyNotHere(sources: string | null): string {
  if (sources === null) return "";
  if (/\b(resolve|myhostname)\b/.test(sources)) return ", though /etc/nsswitch.conf names one that should";
  return `, since nobody that it asks (${sources}, says /etc/nsswitch.conf) answers for them; the package libnss-myhostname would`;
}

async function readSources(): Promise<string | null> {
  const text = await readFile("/etc/nsswitch.conf", "utf8").catch(() => "");
  return /^hosts:\s*(.+?)\s*$/m.exec(text)?.[1]?.replace(/\s+/g, " ") ?? null;
}

function browserFinding(opens: boolean | null): DoctorFinding[] {
  if (opens === null) return [];
  if (opens) return [{ code: "browser_resolves", level: "ok", message: `The browser opens names such as ${host}.`, fix: null }];
  const message = `The browser did not open http://${host}, though browsers know such names themselves: a proxy or a policy stands in between.`;
  return [
    { code: "browser_does_not_resolve", level: "warning", message, fix: "env | grep -i _proxy; then chrome://policy in the browser" },
  ];
}

/** In a container the name means the container at best: that is no fault, but somebody has to know. */
function containerFinding(address: string | null): DoctorFinding[] {
  if (address === null) return [];
  const what = address === "" ? "is not found" : `leads to ${address}, the container itself`;
  const message = `In a container ${host} ${what}; services of this machine are reached as host.docker.internal, with their port.`;
  return [{ code: "container_resolution", level: "ok", message, fix: null }];
}

async function resolvesHere(): Promise<boolean> {
  try {
    const addresses = await lookup(host, { all: true });
    return addresses.length > 0 && addresses.every(({ address }) => isLoopback(address));
  } catch {
    return false;
  }
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}

/** Null without curl. Code 6 is "could not resolve host"; a refused connection means that it resolved. */
async function resolvesInCurl(env: Record<string, string>): Promise<boolean | null> {
  if (!Bun.which("curl", { PATH: env.PATH ?? "" })) return null;
  const command = ["curl", "--silent", "--noproxy", "*", "--max-time", "2", "--output", "/dev/null", `http://${host}:9/`];
  const { code } = await exec(command, { cwd: "/", env });
  return code !== 6;
}

/** Null without Node, or where it does not answer. */
async function resolvesInNode(env: Record<string, string>): Promise<boolean | null> {
  if (!Bun.which("node", { PATH: env.PATH ?? "" })) return null;
  const script = `require("dns").lookup(${JSON.stringify(host)}, (error, address) => console.log(error ? "none" : address))`;
  const result = await bounded(["node", "-e", script], { env: { ...env, NODE_OPTIONS: "" }, deadlineMs: 5_000 });
  const answer = result?.stdout.trim();
  return answer === undefined || answer === "" ? null : isLoopback(answer);
}

const browsers = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/** A headless one, with a profile of its own, opens a page that is served here. Null without one. */
async function resolvesInBrowser(env: Record<string, string>): Promise<boolean | null> {
  const program = browsers.map((name) => Bun.which(name, { PATH: env.PATH ?? "" })).find((path) => path);
  if (!program) return null;
  const token = crypto.randomUUID();
  using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(token) });
  const profile = await mkdtemp(join(tmpdir(), "worldtree-browser-"));
  const flags = ["--headless", "--disable-gpu", "--no-first-run", `--user-data-dir=${profile}`, "--no-sandbox", "--dump-dom"];
  try {
    const url = `http://${host}:${server.port}/`;
    const result = await bounded([program, ...flags, url], { env, deadlineMs: 20_000 });
    return result === null ? null : result.stdout.includes(token);
  } finally {
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Only images that are there already, and that have `getent`. */
const images = /^(?:.*\/)?(alpine|debian|ubuntu|node|python|postgres|redis|mysql)(:|$)/;

/** What the name leads to in a container, empty when to nothing; null where no container can be run. */
async function resolvesInContainer(env: Record<string, string>): Promise<string | null> {
  if (!Bun.which("docker", { PATH: env.PATH ?? "" })) return null;
  const listed = await bounded(["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"], { env, deadlineMs: 5_000 });
  const image = listed?.code === 0 ? listed.stdout.split("\n").find((name) => images.test(name) && !name.endsWith("<none>")) : undefined;
  if (!image) return null;
  const command = ["docker", "run", "--rm", "--pull", "never", "--entrypoint", "getent", image, "hosts", host];
  const result = await bounded(command, { env, deadlineMs: 20_000 });
  // 2: the name was not found. Anything else says that the container did not run.
  if (result?.code === 2) return "";
  return result?.code === 0 ? (result.stdout.trim().split(/\s/)[0] ?? "") : null;
}

/** Null when it cannot be run or takes longer. */
async function bounded(
  command: string[],
  { env, deadlineMs }: { env: Record<string, string>; deadlineMs: number },
): Promise<{ code: number; stdout: string } | null> {
  const abort = AbortSignal.timeout(deadlineMs);
  try {
    return await exec(command, { cwd: "/", env, abort, killSignal: "SIGTERM" });
  } catch (error) {
    if (error instanceof WtError || abort.aborted) return null;
    throw error;
  }
}
