// What a try says. Pure. A try proves something only beside a control: what should answer must have answered, in the same way and from the same place.

import type { IsolationOutcome, IsolationTry } from "../api/isolation.ts";
import type { DoctorFinding } from "../api/operations.ts";

/** Where tries are made that are made in no container. */
export const onMachine = "this machine";
const asWritten = "as wt.yaml says";

export interface Judgement {
  outcome: IsolationOutcome;
  detail: string;
}

export interface NameAnswers {
  /** What the name led to; null: it could not be looked up. */
  found: readonly string[] | null;
  /** What a name of its own environment led to. */
  control: boolean;
  /** Addresses of the other environment's containers. */
  foreign: readonly string[];
}

export function judgeName({ found, control, foreign }: NameAnswers): Judgement {
  const address = found?.find((one) => foreign.includes(one));
  if (address !== undefined) return { outcome: "reached", detail: `It leads to ${address}, a container of the other environment.` };
  if (found === null) return notTried("The image has nothing that looks up names.");
  if (!control) return notTried("Names of its own environment were not found from there either.");
  return { outcome: "separate", detail: "It leads to no container of the other environment." };
}

export interface ConnectAnswers {
  /** null: nothing in the image opens connections. */
  open: boolean | null;
  /** Something of its own that listens could be reached from the same place. */
  control: boolean;
  /** The target accepts connections from where it may be reached. */
  alive: boolean;
}

export function judgeConnect({ open, control, alive }: ConnectAnswers): Judgement {
  if (open) return { outcome: "reached", detail: "It accepted a connection." };
  if (open === null) return notTried("The image has nothing that opens connections.");
  if (!alive) return notTried("Nobody was seen to listen there.");
  if (!control) return notTried("Nothing of its own environment could be reached from there either.");
  return { outcome: "separate", detail: "No connection was made, though it listens." };
}

/** `hostIp`: as Docker publishes the port; empty means everywhere. */
export function judgePublished(hostIp: string): Judgement {
  const loopback = hostIp.startsWith("127.") || hostIp === "::1";
  if (loopback) return { outcome: "separate", detail: `It is published on ${hostIp} only.` };
  return { outcome: "reached", detail: `It is published on ${hostIp || "every address"}, not on 127.0.0.1 only.` };
}

/** A host that is nobody's gets 421 from the gateway itself; null: the gateway did not answer. */
export function judgeUnknownHost(status: number | null): Judgement {
  if (status === null) return notTried("The gateway did not answer.");
  if (status === 421) return { outcome: "separate", detail: "The gateway answers 421: it is nobody's." };
  return { outcome: "reached", detail: `It was answered with ${status}, and should be nobody's.` };
}

export interface LoginAnswers {
  /** Everybody uses one database, and wt.yaml says so. */
  sharedOnPurpose: boolean;
  /** One password for all on one server, and a number for each; wt.yaml says so. */
  byNumber: boolean;
  /** What the database said to its own environment's credentials; null: it let them in. */
  own: string | null;
  /** To those of the other. */
  other: { let: true } | { let: false; refused: boolean; message: string };
}

export function judgeLogin({ sharedOnPurpose, byNumber, own, other }: LoginAnswers): Judgement {
  if (sharedOnPurpose) return notTried(`Everybody uses the same one, ${asWritten}.`);
  if (byNumber) return notTried(`One server with one password for all, ${asWritten}: nothing but its number keeps each apart.`);
  if (other.let) return { outcome: "reached", detail: "It let these credentials in." };
  if (own !== null) return notTried(`It does not let its own environment in either: ${own}`);
  if (!other.refused) return notTried(`It gave no answer that says so: ${other.message}`);
  return { outcome: "separate", detail: `It refused them: ${other.message}` };
}

export function notTried(because: string): Judgement {
  return { outcome: "not tried", detail: because };
}

/** One finding for each way that is open between two, with the first thing that was reached; when there is none, one that is fine, and what nobody knows. */
export function isolationFindings(tries: readonly IsolationTry[], fixOf: (reached: IsolationTry) => string): DoctorFinding[] {
  const reached = tries.filter(({ outcome }) => outcome === "reached");
  const groups = Map.groupBy(reached, ({ from, to, way }) => `${from} ${to} ${way}`);
  const findings = [...groups.values()].flatMap((group): DoctorFinding[] => {
    const [first] = group;
    if (!first) return [];
    const { from, to, way, at, target, detail } = first;
    const more = group.length > 1 ? ` So did ${group.length - 1} more.` : "";
    const message = `${from} reaches ${to} by ${way}: ${target}, tried from ${at}. ${detail}${more}`;
    return [{ code: `isolation_${way}`, level: "error", message, fix: fixOf(first) }];
  });
  if (findings.length > 0) return findings;
  const made = tries.filter(({ outcome }) => outcome === "separate").length;
  const message = `${made} tries to get from one environment to another led nowhere${made < tries.length ? `; ${tries.length - made} could not be made` : ""}.`;
  if (made === 0)
    return [
      { code: "isolation", level: "warning", message: "No try could be made, so nothing is known.", fix: "wt doctor --isolation --json" },
    ];
  return [...untriedFindings(tries), { code: "isolation", level: "ok", message, fix: null }];
}

/** A way between two on which not one try from inside could be made: that nothing was reached says nothing of it. Those that wt.yaml leaves open are no news. */
function untriedFindings(tries: readonly IsolationTry[]): DoctorFinding[] {
  const inside = tries.filter(({ way, at, detail }) => (way === "database" ? !detail.includes(asWritten) : at !== onMachine));
  const groups = Map.groupBy(inside, ({ from, to, way }) => `${from} ${to} ${way}`);
  return [...groups.values()].flatMap((group): DoctorFinding[] => {
    const [first] = group;
    if (!first || group.some(({ outcome }) => outcome !== "not tried")) return [];
    const { from, to, way, target, at, detail } = first;
    const message = `Whether ${from} reaches ${to} by ${way} is not known: nothing could be tried, such as ${target} from ${at}. ${detail}`;
    return [{ code: `isolation_${way}_untried`, level: "warning", message, fix: "wt doctor --isolation --json" }];
  });
}
