// One request to Neon's HTTP API, and what of its failures may be tried again: 423 (another operation runs), 429 and 503 always; what never
// brought an answer, and other failures of the service, only where asking twice does no harm.
import { WtError } from "../../../errors/wt-error.ts";
import type { Clock } from "../../../os/clock.ts";

export interface NeonPlace {
  /** Without a slash at its end. */
  apiUrl: string;
  key: string;
  /** Where the key came from, for errors. */
  keyVariable: string;
  project: string;
  /** `resources.db`, for errors. */
  place: string;
  clock: Clock;
  /** Between two looks at an operation; grows to ten times that. */
  pollMs: number;
}

export interface Ask {
  method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Below the project, such as `/branches`; parts are encoded already. */
  path: string;
  query?: Record<string, string | undefined>;
  body?: unknown;
  /** What it is for, as in "Neon did not <what>". */
  what: string;
  /** It changes something, and doing it twice does no harm. */
  repeatable?: boolean;
}

export interface Limits {
  /** No new try begins after this moment. */
  untilMs: number;
  abort?: AbortSignal;
}

/** The request may have been carried out although no answer came; whoever asked has to look. */
export class UncertainOutcome extends Error {}

const requestTimeoutMs = 30_000;
const longestPauseMs = 5_000;
/** So many first pauses: who is offline need not wait for minutes to hear it. */
const unreachablePauses = 40;
const maximumWaitMs = 60_000;

/** The answer's JSON; null for 204, and for 404 of a GET below the project. Throws `WtError`, `UncertainOutcome` or the abort's reason. */
export async function askNeon(neon: NeonPlace, ask: Ask, limits: Limits): Promise<unknown> {
  const begunMs = neon.clock.now();
  for (let attempt = 0; ; attempt++) {
    limits.abort?.throwIfAborted();
    const answer = await send(neon, ask, limits.abort);
    const nowMs = neon.clock.now();
    const last = nowMs >= limits.untilMs;
    if (answer instanceof Response) {
      if (answer.ok) return answer.status === 204 ? null : answer.json();
      const failure = await readFailure(answer);
      if (answer.status === 404 && ask.method === "GET" && ask.path !== "") return null;
      if (answer.status >= 500 && answer.status !== 503 && !isRepeatable(ask)) throw new UncertainOutcome(failure.message);
      if (last || !mayRetry(answer.status, ask)) throw refusal(neon, ask, { status: answer.status, ...failure });
    } else {
      if (!isRepeatable(ask)) throw new UncertainOutcome(answer.message);
      if (last || nowMs - begunMs >= unreachablePauses * neon.pollMs) throw unreachable(neon, ask, answer);
    }
    const wanted = answer instanceof Response ? retryAfterMs(answer) : null;
    const pauseMs = wanted ?? Math.min(longestPauseMs, neon.pollMs * 2 ** Math.min(attempt, 10)) * (0.75 + Math.random() / 2);
    await neon.clock.sleep(pauseMs, limits.abort);
  }
}

async function send(neon: NeonPlace, { method, path, query, body }: Ask, abort?: AbortSignal): Promise<Response | Error> {
  const url = new URL(`${neon.apiUrl}/projects/${encodeURIComponent(neon.project)}${path}`);
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) url.searchParams.set(name, value);
  // What changes something is never cut off by an abort: half an answer would leave us not knowing.
  const timeout = AbortSignal.timeout(requestTimeoutMs);
  const signal = abort && method === "GET" ? AbortSignal.any([abort, timeout]) : timeout;
  const headers: Record<string, string> = { accept: "application/json", authorization: `Bearer ${neon.key}` };
  if (body !== undefined) headers["content-type"] = "application/json";
  try {
    // A redirect would take the key to another host.
    const answer = await fetch(url, {
      method,
      headers,
      signal,
      redirect: "manual",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    // Read to its end here: an answer that is cut off is none.
    const text = await answer.text();
    if (answer.ok && answer.status !== 204) JSON.parse(text);
    return new Response(answer.status === 204 ? null : text, answer);
  } catch (error) {
    if (abort?.aborted && method === "GET") throw abort.reason;
    return error instanceof Error ? error : new Error(String(error));
  }
}

function isRepeatable({ method, repeatable }: Ask): boolean {
  return method === "GET" || repeatable === true;
}

function mayRetry(status: number, ask: Ask): boolean {
  return [423, 429, 503].includes(status) || (isRepeatable(ask) && status >= 500);
}

/** RFC 9110: seconds, or a date. */
export function retryAfterMs({ headers }: Response, nowMs = Date.now()): number | null {
  const value = headers.get("retry-after");
  if (!value) return null;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isFinite(ms) ? Math.min(maximumWaitMs, Math.max(0, ms)) : null;
}

interface Failure {
  status: number;
  code: string;
  message: string;
}

async function readFailure(answer: Response): Promise<Omit<Failure, "status">> {
  const text = await answer.text().catch(() => "");
  try {
    const { code, message } = JSON.parse(text) as { code?: unknown; message?: unknown };
    return { code: typeof code === "string" ? code : "", message: typeof message === "string" ? message : "" };
  } catch {
    return { code: "", message: "" };
  }
}

function refusal(neon: NeonPlace, ask: Ask, failure: Failure): WtError {
  const { status, code, message } = failure;
  const { place, keyVariable, project } = neon;
  if (status === 401) {
    return new WtError({
      kind: "config",
      code: "neon_key_refused",
      message: `${place}: Neon does not accept the API key in ${keyVariable}.`,
      hints: ["Make a new one in Neon's console, under Settings > API keys."],
    });
  }
  if ((status === 404 || status === 403) && ask.path === "") {
    return new WtError({
      kind: "config",
      code: "neon_project_missing",
      message: `${place}.project: there is no project ${project} at Neon, or the key in ${keyVariable} may not use it.`,
      hints: ["The project's id stands in Neon's console, under Settings; it looks like `quiet-river-12345678`."],
    });
  }
  const said = [message.replace(/\.$/, "") || `HTTP ${status}`, code].filter(Boolean).join(", ");
  return new WtError({
    kind: status === 422 && !code.includes("LIMIT") ? "config" : "machine",
    code: code.includes("LIMIT_EXCEEDED") ? "neon_limit" : "neon_refused",
    message: `${place}: Neon did not ${ask.what}: ${said}.`,
    hints: code.includes("BRANCHES_LIMIT")
      ? ["Delete environments that are done with (`wt delete`), or branches in Neon's console: the project's plan has a limit."]
      : status === 423
        ? ["Another operation of the project takes long; try again in a moment."]
        : [],
  });
}

export function unreachable({ place, apiUrl }: NeonPlace, { what }: Pick<Ask, "what">, cause: unknown): WtError {
  const reason = (cause instanceof Error ? cause.message : String(cause)).replace(/\.$/, "");
  return new WtError({
    kind: "machine",
    code: "neon_unreachable",
    message: `${place}: Neon could not be asked to ${what}: ${reason}.`,
    hints: [`Check the network and ${new URL(apiUrl).host}, then try again.`],
    cause,
  });
}
