// The credentials of one environment at the other's database.
import { networkInterfaces } from "node:os";
import { SQL } from "bun";
import type { IsolationTry } from "../api/isolation.ts";
import { loginOfUrl } from "../resource/mysql/mysql-connection.ts";
import { asUser, mysqlErrno } from "../resource/mysql/mysql-session.ts";
import { clientOptions } from "../resource/postgres/client-options.ts";
import { sqlState } from "../resource/postgres/server-link.ts";
import { parseServerUrl } from "../resource/postgres/server-url.ts";
import { openRedisLink, RedisReplyError } from "../resource/redis/redis-link.ts";
import { type Judgement, judgeLogin, type LoginAnswers, notTried, onMachine } from "./isolation-judgement.ts";
import type { IsolationScene, IsolationSubject } from "./isolation-subjects.ts";
import { driverOf, type LeasedResource, leasedResources } from "./resources.ts";
import type { World } from "./world.ts";

export async function databaseTries(world: World, { subjects }: IsolationScene): Promise<IsolationTry[]> {
  const tries: IsolationTry[] = [];
  // One after the other: servers count failed logins of one address.
  for (const from of subjects) for (const to of subjects) if (from !== to) tries.push(...(await triesBetween(world, from, to)));
  return tries;
}

async function triesBetween(world: World, from: IsolationSubject, to: IsolationSubject): Promise<IsolationTry[]> {
  const own = leasedResources(world, from.environment.id);
  const tries: IsolationTry[] = [];
  for (const theirs of leasedResources(world, to.environment.id)) {
    const mine = own.find(({ spec, type }) => spec.name === theirs.spec.name && type === theirs.type);
    if (!mine) continue;
    const target = `${theirs.spec.name} (${theirs.type})`;
    const judged = await tryLogin(world, mine, theirs);
    tries.push({ from: from.environment.slug, to: to.environment.slug, way: "database", at: onMachine, target, ...judged });
  }
  return tries;
}

async function tryLogin(world: World, mine: LeasedResource, theirs: LeasedResource): Promise<Judgement> {
  const [a, b] = [mine.connection?.values, theirs.connection?.values];
  if (!a || !b) return notTried("It was not made to its end.");
  const protocol = protocolOf(b.url ?? "");
  if (!protocol || !a.url || !b.url)
    return notTried("It is files: processes of this user open them, containers see what is mounted into them.");
  const mixed = withCredentials(b, a);
  if (!mixed || !isOwnAddress(mixed.host)) return notTried("Its server is on another machine, and nothing is sent there.");
  const { state } = await driverOf(world, theirs.type).observe(theirs.spec);
  if (state === "shared") return judgeLogin({ sharedOnPurpose: true, byNumber: false, own: null, other: { let: true } });
  const byNumber = protocol === "redis" && theirs.spec.options.database === "auto" && a.host === b.host && a.port === b.port;
  const own = await login(protocol, { url: b.url, probe: probeOf(b) });
  const other = await login(protocol, { url: mixed.url, probe: probeOf(b) });
  return judgeLogin({ sharedOnPurpose: false, byNumber, own: own.let ? null : own.message, other });
}

type Protocol = "postgres" | "mysql" | "redis";

function protocolOf(url: string): Protocol | null {
  const [, scheme = ""] = /^([a-z]+):\/\//.exec(url) ?? [];
  if (scheme.startsWith("postgres")) return "postgres";
  if (scheme === "mysql" || scheme === "mariadb") return "mysql";
  return scheme === "redis" ? "redis" : null;
}

/** Place and database of the one, user and password of the other; null: the URL is none with a server in it. */
function withCredentials(place: Record<string, string>, credentials: Record<string, string>): { url: string; host: string } | null {
  if (!URL.canParse(place.url ?? "") || !URL.canParse(credentials.url ?? "")) return null;
  const [url, other] = [new URL(place.url ?? ""), new URL(credentials.url ?? "")];
  [url.username, url.password] = [other.username, other.password];
  return { url: url.href, host: url.hostname.replace(/^\[|\]$/g, "") };
}

export function isOwnAddress(host: string): boolean {
  if (host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host)) return true;
  return Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === host));
}

interface Attempt {
  url: string;
  /** Of Redis: a key of the slice, which is only looked for. */
  probe: string;
}

function probeOf(values: Record<string, string>): string {
  return `${values.prefix ?? ""}wt-isolation`;
}

async function login(protocol: Protocol, attempt: Attempt): Promise<LoginAnswers["other"]> {
  try {
    if (protocol === "postgres") await loginPostgres(attempt.url);
    else if (protocol === "mysql") await asUser(loginOfUrl(attempt.url), "url", (session) => session.query("SELECT 1"));
    else await loginRedis(attempt);
    return { let: true };
  } catch (error) {
    const cause = (error as { cause?: unknown }).cause ?? error;
    const message = cause instanceof Error ? cause.message.replace(/\.?$/, ".") : String(cause);
    return { let: false, refused: isRefusal(cause), message };
  }
}

async function loginPostgres(text: string): Promise<void> {
  const server = parseServerUrl(text);
  if ("problem" in server) throw new Error(`The URL ${server.problem}`);
  const sql = new SQL({ ...clientOptions(server), max: 1, connectionTimeout: 10 });
  try {
    await sql.unsafe("SELECT 1");
  } finally {
    await sql.close({ timeout: 0 }).catch(() => undefined);
  }
}

async function loginRedis({ url, probe }: Attempt): Promise<void> {
  const { hostname, port, username, password, pathname } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const link = await openRedisLink({ host, port: Number(port || 6379) }, decodeURIComponent(password), decodeURIComponent(username));
  try {
    if (/^\/\d+$/.test(pathname)) await link.send("SELECT", pathname.slice(1));
    await link.send("EXISTS", probe);
  } finally {
    link.close();
  }
}

/** That it said no, not that it did not answer: SQLSTATE 28 (who it is), 42501 and 3D000 (what it may); errors of MySQL and Redis that mean the same. */
function isRefusal(error: unknown): boolean {
  if (/^(28|42501|3D000)/.test(sqlState(error))) return true;
  if ([1044, 1045, 1049, 1698].includes(mysqlErrno(error))) return true;
  return error instanceof RedisReplyError && /^(WRONGPASS|NOAUTH|NOPERM|ERR invalid password)/.test(error.message);
}
