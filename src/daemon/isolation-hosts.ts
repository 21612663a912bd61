// At the gateway: hosts made of two environments' names are nobody's, and no cookie of one gets to the other.
import type { IsolationTry } from "../api/isolation.ts";
import { cookieReaches, domainOf, parentDomains } from "./cookie-reach.ts";
import { type Judgement, judgeUnknownHost, onMachine } from "./isolation-judgement.ts";
import type { IsolationScene, IsolationSubject } from "./isolation-subjects.ts";

const at = onMachine;
const answerWithinMs = 5_000;

export async function hostTries({ subjects, gatewayPort }: IsolationScene): Promise<IsolationTry[]> {
  const tries = await Promise.all(
    subjects.map(async (from) => {
      const set = (await Promise.all(from.hosts.map((host) => cookiesOf(host, gatewayPort)))).flat();
      const others = subjects.filter((each) => each !== from);
      const unknown = await Promise.all(others.map((to) => unknownHosts({ from, to }, gatewayPort)));
      return [...unknown.flat(), ...others.flatMap((to) => cookieTries({ from, to }, set))];
    }),
  );
  return tries.flat();
}

interface Pair {
  from: IsolationSubject;
  to: IsolationSubject;
}

async function unknownHosts({ from, to }: Pair, port: number | null): Promise<IsolationTry[]> {
  const [mine] = from.hosts;
  const [theirs] = to.hosts;
  if (mine === undefined || theirs === undefined) return [];
  const known = new Set([...from.hosts, ...to.hosts]);
  const label = (host: string) => host.replace(/\.localhost$/, "");
  const hosts = [
    `${label(theirs)}.${mine}`,
    `${label(mine)}.${theirs}`,
    `${theirs}.example`,
    `${label(theirs)}.example`,
    "127.0.0.1",
    "localhost",
  ];
  return Promise.all(
    hosts
      .filter((host) => !known.has(host))
      .map(async (host): Promise<IsolationTry> => {
        const answer = await askGateway(host, port);
        return { ...pairOf({ from, to }), way: "gateway", at, target: `Host: ${host}`, ...judgeUnknownHost(answer?.status ?? null) };
      }),
  );
}

interface SetByHost {
  host: string;
  name: string;
  domain: string | null;
  /** The app's own, seen now; else one it could set. */
  seen: boolean;
}

/** What a page of this host sets, and all that it could. */
async function cookiesOf(host: string, port: number | null): Promise<SetByHost[]> {
  const answer = await askGateway(host, port);
  const seen = (answer?.headers.getSetCookie() ?? []).map((line) => ({
    host,
    name: line.split("=")[0]?.trim() ?? "",
    domain: domainOf(line),
    seen: true,
  }));
  const possible = [null, ...parentDomains(host)].map((domain) => ({ host, name: "any cookie", domain, seen: false }));
  return [...seen, ...possible];
}

function cookieTries({ from, to }: Pair, cookies: readonly SetByHost[]): IsolationTry[] {
  return cookies.map((cookie) => {
    const { host, name, domain, seen } = cookie;
    const attribute = domain === null ? "without Domain" : `with Domain=${domain}`;
    const target = `${name} of ${host} ${attribute}${seen ? ", as it is set now" : ""}`;
    return { ...pairOf({ from, to }), way: "cookie", at, target, ...judgeCookie(cookie, to.hosts) };
  });
}

function judgeCookie(cookie: SetByHost, hosts: readonly string[]): Judgement {
  const reached = hosts.find((host) => cookieReaches(cookie, host));
  if (reached !== undefined) return { outcome: "reached", detail: `A browser sends it to ${reached}.` };
  if (hosts.length === 0) return { outcome: "not tried", detail: "The other environment has no host." };
  return { outcome: "separate", detail: `A browser sends it to none of ${hosts.join(", ")}.` };
}

function pairOf({ from, to }: Pair): Pick<IsolationTry, "from" | "to"> {
  return { from: from.environment.slug, to: to.environment.slug };
}

/** null: no answer. Its body is not read. */
async function askGateway(host: string, port: number | null): Promise<Response | null> {
  if (port === null) return null;
  try {
    const signal = AbortSignal.timeout(answerWithinMs);
    const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { Host: host }, redirect: "manual", signal, proxy: "" });
    await answer.body?.cancel();
    return answer;
  } catch {
    return null;
  }
}
