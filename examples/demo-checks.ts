// Asks a running environment, through the gateway, whether it answers with its own branch's code.
import type { Variant } from "./demo-branches.ts";

export interface RunningEnvironment {
  slug: string;
  branch: string | null;
  path: string;
  status: string;
  url: string | null;
  services: { port: number | null }[];
  resources: { name: string; state: string }[];
}

export interface Answer {
  status: number;
  text: string;
}

/** F(90), which every branch is asked for. */
export const index = 90;
const expected = "2880067194370816120";

/** Shows what each part of the environment answers; gives the checks that failed, in sentences. */
export async function checkEnvironment(environment: RunningEnvironment, variant: Variant, say: (line: string) => void): Promise<string[]> {
  const problems: string[] = [];
  const { url, slug } = environment;
  if (url === null) return [`${slug} has no URL.`];
  const expect = (holds: boolean, what: string, answer: Answer) => {
    if (!holds) problems.push(`${slug}: ${what}, but it answered ${answer.status}: ${answer.text.slice(0, 300)}`);
  };

  const page = await ask(url, "/");
  expect(page.status === 200 && page.text.includes('<div id="root">'), "the page must be the app's", page);
  const theme = await ask(url, "/src/theme.js");
  expect(theme.text.includes(variant.accent), `the page's code must hold this branch's colour ${variant.accent}`, theme);
  say(`${url}/  →  the page, colour ${/#[0-9a-f]{6}/.exec(theme.text)?.[0] ?? "unknown"}`);

  const answer = await ask(url, `/api/fibonacci/${index}`);
  const body = parse(answer.text);
  expect(body.value === expected && body.algorithm === variant.label, `the API must answer ${expected}, ${variant.label}`, answer);
  expect(body.environment === slug, `the API must be the one of ${slug}`, answer);
  say(`${url}/api/fibonacci/${index}  →  ${body.value}, ${body.algorithm} in ${body.steps} steps`);

  const job = await runJob(url);
  const result = parse(JSON.stringify(parse(job.text).result ?? {}));
  expect(result.value === expected && result.algorithm === variant.label, `the worker must compute ${expected}, ${variant.label}`, job);
  say(`${url}/api/jobs  →  the worker says ${result.value}, ${result.algorithm}`);
  return problems;
}

/** A host nobody owns must not reach any environment. */
export async function checkStranger(urls: readonly string[]): Promise<string[]> {
  const port = new URL(urls[0] ?? "http://localhost").port;
  const answer = await ask(`http://nobody.localhost:${port}`, "/api/fibonacci/1");
  return answer.status >= 400 && !answer.text.includes("algorithm")
    ? []
    : [`An unknown host was answered with ${answer.status}: ${answer.text}`];
}

async function runJob(url: string): Promise<Answer> {
  const added = await ask(url, "/api/jobs", { n: index });
  const { id } = parse(added.text);
  const deadlineMs = Date.now() + 10_000;
  for (;;) {
    const job = await ask(url, `/api/jobs/${id}`);
    if (parse(job.text).state === "done" || Date.now() > deadlineMs) return job;
    await Bun.sleep(50);
  }
}

/** Programs other than browsers often cannot resolve `*.localhost`: the address is dialled, the name travels as Host. */
export async function ask(url: string, path: string, body?: unknown): Promise<Answer> {
  const { host, port } = new URL(url);
  try {
    const response = await fetch(`http://127.0.0.1:${port || 80}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { host, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      signal: AbortSignal.timeout(20_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    return { status: 0, text: error instanceof Error ? error.message : String(error) };
  }
}

export function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
