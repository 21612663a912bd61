// What the gateway says itself: a page for people, JSON for tools, a plain line where nothing may be told. Pure.
import type { WireError } from "../errors/wt-error.ts";
import type { ServiceCondition } from "./gateway.ts";
import type { Route } from "./route-table.ts";

export interface LocalAnswer {
  status: number;
  headers: [name: string, value: string][];
  body: string;
}

/** Asked by the page while it waits: the gateway answers it itself and does not pass it on. */
export const pollHeader = "x-wt-poll";

export function plainAnswer(status: number, text: string): LocalAnswer {
  return { status, headers: [["Content-Type", "text/plain; charset=utf-8"], ...quiet], body: text === "" ? "" : `${text}\n` };
}

export function jsonAnswer(status: number, value: unknown): LocalAnswer {
  return { status, headers: [["Content-Type", "application/json; charset=utf-8"], ...quiet], body: `${JSON.stringify(value)}\n` };
}

export function noPathAnswer(input: { host: string; path: string; routes: Route[]; html: boolean }): LocalAnswer {
  const { host, routes } = input;
  const served = routes.map((route) => `${route.prefix} (${route.service})`).join(", ");
  const error: WireError = {
    kind: "not_found",
    code: "no_route",
    message: `No service of ${host} answers for the path ${input.path}.`,
    hints: [`These paths are served: ${served}.`],
  };
  if (!input.html) return jsonAnswer(404, { error });
  const items = routes.map(
    (route) => `<li><a href="${escapeHtml(route.prefix)}"><code>${escapeHtml(route.prefix)}</code></a> ${escapeHtml(route.service)}</li>`,
  );
  const body = `<h1>Nothing is served here</h1><p>${escapeHtml(error.message)} These are:</p><ul>${items.join("")}</ul>`;
  return htmlAnswer(404, { title: "Not found", body, script: "" });
}

export type UpstreamFailure = "refused" | "timeout" | "overloaded" | "reset" | "malformed" | "loop";

export interface FailureInput {
  route: Route;
  condition: ServiceCondition;
  failure: UpstreamFailure;
  html: boolean;
  /** The page may fetch itself again when the service is there. */
  mayReload: boolean;
}

export function failureAnswer(input: FailureInput): LocalAnswer {
  const { route, condition, failure } = input;
  const error = failureError(input);
  const status = failure === "loop" ? 508 : failure === "overloaded" || isComing(input) ? 503 : 502;
  const answer = input.html
    ? htmlAnswer(status, { title: `${route.service}: ${condition.state}`, body: failureBody(input, error), script: failureScript(input) })
    : jsonAnswer(status, { error, state: condition.state, retryAfterMs: condition.retryAfterMs, logs: condition.logTail });
  if (status === 503) answer.headers.push(["Retry-After", String(Math.max(1, Math.ceil((condition.retryAfterMs ?? 1000) / 1000)))]);
  return answer;
}

/** What the waiting page is told. */
export function pollAnswer(condition: ServiceCondition, reachable: boolean): LocalAnswer {
  const { state, starting, reason, logTail } = condition;
  return jsonAnswer(200, { ready: reachable, starting, state, reason, logs: logTail });
}

const quiet: [string, string][] = [
  ["Cache-Control", "no-store"],
  ["X-Content-Type-Options", "nosniff"],
];

/** Nobody listens yet, and the service is on its way. */
function isComing(input: FailureInput): boolean {
  return input.condition.starting && (input.failure === "refused" || input.failure === "timeout");
}

/** Nobody listens, and nobody is meant to. */
function isStopped(input: FailureInput): boolean {
  return input.condition.state === "Stopped" && (input.failure === "refused" || input.failure === "timeout");
}

function failureError(input: FailureInput): WireError {
  const { route, condition, failure } = input;
  const name = `The service ${route.service} of ${route.slug}`;
  const reason = condition.reason ? ` ${condition.reason}` : "";
  const say = (code: string, message: string): WireError => ({
    kind: "unhealthy",
    code,
    message: `${message}${reason}`,
    hints: hintsOf(input),
  });
  if (isComing(input)) return say("service_starting", `${name} is starting.`);
  if (isStopped(input)) return say("service_stopped", `${name} is stopped.`);
  if (failure === "refused")
    return say("upstream_refused", `${name} does not answer on port ${route.port}; its state is ${condition.state}.`);
  if (failure === "timeout")
    return say("upstream_timeout", `${name} does not accept connections on port ${route.port}; its state is ${condition.state}.`);
  if (failure === "overloaded") return say("upstream_overloaded", `${name} has too many requests waiting.`);
  if (failure === "malformed") return say("upstream_malformed", `${name} sent a response that is not valid HTTP.`);
  if (failure === "loop")
    return say("loop", `The request came back to the gateway again and again; ${route.service} of ${route.slug} sends it in a circle.`);
  return say("upstream_reset", `${name} closed the connection without a response; its state is ${condition.state}.`);
}

function hintsOf(input: FailureInput): string[] {
  const { route } = input;
  if (isStopped(input)) return [`wt up ${route.service} -e ${route.slug}`];
  return [`wt logs ${route.service} -e ${route.slug}`, `wt restart ${route.service} -e ${route.slug}`];
}

function failureBody(input: FailureInput, error: WireError): string {
  const { route, condition } = input;
  const facts = [
    ["Environment", route.slug],
    ["Project", route.project],
    ["Service", route.service],
  ].map(([label, value]) => `<dt>${label}</dt><dd>${escapeHtml(value ?? "")}</dd>`);
  const [mark, heading] = isComing(input)
    ? ["coming", "is starting"]
    : isStopped(input)
      ? ["stopped", "is stopped"]
      : ["failed", "does not answer"];
  const hints = error.hints.map((hint) => `<code>${escapeHtml(hint)}</code>`);
  return `<p class="state"><i class="${mark}"></i><span id="state">${escapeHtml(condition.state)}</span></p>
<h1>${escapeHtml(route.service)} ${heading}</h1><p id="reason">${escapeHtml(error.message)}</p>
<p class="hint">${hints.join(" ")}</p>
<dl>${facts.join("")}</dl>
<pre id="logs"${condition.logTail.length === 0 ? " hidden" : ""}>${escapeHtml(condition.logTail.join("\n"))}</pre>`;
}

/** Asks the gateway until somebody listens, then loads the app. A service that answered once with nonsense is not asked again by itself. */
function failureScript(input: FailureInput): string {
  if (!input.mayReload || (input.failure !== "refused" && input.failure !== "timeout")) return "";
  return `const show = (id, text) => { const e = document.getElementById(id); e.textContent = text; e.hidden = text === ""; };
let pause = 400;
const poll = async () => {
  try {
    const answer = await fetch(location.href, { headers: { "${pollHeader}": "1" }, cache: "no-store", redirect: "manual" });
    const now = await answer.json();
    if (now.ready || now.starting !== ${input.condition.starting}) { location.reload(); return; }
    show("state", now.state);
    if (now.reason) show("reason", now.reason);
    show("logs", now.logs.join("\\n"));
  } catch {}
  pause = Math.min(pause * 1.2, 2000);
  setTimeout(poll, pause);
};
setTimeout(poll, pause);`;
}

function htmlAnswer(status: number, page: { title: string; body: string; script: string }): LocalAnswer {
  const script = page.script ? `<script>${page.script}</script>` : "";
  const hash = page.script ? ` script-src 'sha256-${new Bun.CryptoHasher("sha256").update(page.script).digest("base64")}';` : "";
  const policy = `default-src 'none'; style-src 'unsafe-inline';${hash} connect-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'`;
  const body = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>${escapeHtml(page.title)}</title><style>${style}</style></head>
<body><main>${page.body}</main>${script}</body></html>\n`;
  return { status, headers: [["Content-Type", "text/html; charset=utf-8"], ["Content-Security-Policy", policy], ...quiet], body };
}

/** The log's box is a reversed column, so that it shows its last lines first without a script. */
const style = `:root{color-scheme:light dark;--ink:#1c1f24;--soft:#656d78;--back:#fafaf9;--line:#e2e3e6;--well:#f1f1ef;--warn:#b7791f;--bad:#c53030}
@media(prefers-color-scheme:dark){:root{--ink:#e8e9eb;--soft:#9aa1ab;--back:#15171a;--line:#2b2f35;--well:#1c1f23;--warn:#ecc466;--bad:#f08a8a}}
body{margin:0;background:var(--back);color:var(--ink);font:15px/1.55 system-ui,sans-serif}
main{max-width:44rem;margin:11vh auto 3rem;padding:0 1.5rem}h1{font-size:1.35rem;font-weight:600;margin:.3rem 0 .6rem}
.state{color:var(--soft);margin:0;font-size:.9rem}.state i{display:inline-block;width:.55rem;height:.55rem;border-radius:50%;margin-right:.5rem;background:var(--bad)}
.state i.stopped{background:var(--soft)}.state i.coming{background:var(--warn);animation:pulse 1.4s ease-in-out infinite}@keyframes pulse{50%{opacity:.25}}
@media(prefers-reduced-motion:reduce){.state i.stopped{background:var(--soft)}.state i.coming{animation:none}}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1.2rem;border-top:1px solid var(--line);padding-top:1rem;margin:1.2rem 0}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
pre,code{font-family:ui-monospace,SFMono-Regular,Menlo,monospace;font-size:.85rem}
pre{display:flex;flex-direction:column-reverse;margin:0;background:var(--well);border:1px solid var(--line);border-radius:.5rem;padding:.9rem 1rem;overflow:auto;max-height:45vh;white-space:pre-wrap;overflow-wrap:anywhere}pre[hidden]{display:none}
.hint{display:flex;flex-wrap:wrap;gap:.5rem;margin:1rem 0 1.4rem}.hint code{background:var(--well);border:1px solid var(--line);border-radius:.35rem;padding:.15rem .5rem}a{color:inherit}`;

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
