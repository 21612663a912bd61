// `wt create` of several environments at once, and with agents in them. What fails does not stop the others.
import type { CreateRequest, CreateResult } from "../../api/environment.ts";
import { exitCodes, WtError } from "../../errors/wt-error.ts";
import { type Context, targetOf } from "../command.ts";
import { catchInterrupt } from "../interrupt.ts";
import { type CreatedWithAgent, createdJson, createdLines } from "../render/created-text.ts";
import { errorText } from "../render/error-text.ts";
import { printEnvironment } from "../render/print-environment.ts";
import { runOperation } from "../run-operation.ts";
import { symbolsFor } from "../symbols.ts";
import type { AgentChoice } from "./agent-choice.ts";
import { placeLine, requirePlace, startAgent } from "./start-agent.ts";

export interface Creations {
  /** One for each environment, in the order in which they were named. */
  requests: readonly CreateRequest[];
  /** Null: no agents. */
  agent: AgentChoice | null;
}

/** `name` for one, `name-1` … for several. Throws `WtError` (`usage`) for a number that makes no sense. */
export function variantNames(names: readonly string[], variants: number | undefined): string[] {
  if (variants !== undefined && (variants < 1 || variants > mostVariants)) {
    throw new WtError({
      kind: "usage",
      code: "variants_out_of_range",
      message: `--variants takes a number from 1 to ${mostVariants}, not ${variants}.`,
      hints: ["See: wt create --help"],
    });
  }
  const all = variants === undefined ? names : names.flatMap((name) => Array.from({ length: variants }, (_, at) => `${name}-${at + 1}`));
  return [...new Set(all)];
}

const mostVariants = 20;

/** So many at once: setup commands share the machine's cores. */
const creationsAtOnce = 4;

export async function createWithAgents(context: Context, creations: Creations): Promise<number> {
  const [only, another] = creations.requests;
  if (creations.agent) requirePlace(context, creations.agent);
  if (only && !another && creations.agent) return await createAndGo(context, only, creations.agent);
  const agent = creations.agent && placeForSeveral(context, creations.agent);
  const results = await createAll(context, creations.requests, agent);
  if (context.json) await context.terminal.out(createdJson(results));
  else {
    for (const { error } of results) if (error) await say(context, error);
    await context.terminal.out(`${createdLines(results, context.terminal.paint).join("\n")}\n`);
  }
  const failed = results.find(({ error }) => error !== null)?.error;
  return failed ? exitCodes[failed.kind] : 0;
}

async function createAndGo(context: Context, request: CreateRequest, agent: AgentChoice): Promise<number> {
  if (context.json && agent.place === "terminal") {
    throw new WtError({
      kind: "usage",
      code: "options_conflict",
      message: "An agent in this terminal prints what it likes, which --json cannot promise to be JSON.",
      hints: ["Choose another place for it: --tmux, --zellij or --detach"],
    });
  }
  const { environment } = await createOne(context, request);
  if (!context.json) await printEnvironment(context, environment);
  const { launch, code } = await startAgent(context, targetOf(context, environment.slug), agent);
  if (code !== null) return code;
  if (context.json) await context.terminal.out(createdJson([{ branch: request.branch, environment, agent: launch.agent, error: null }]));
  else await context.terminal.out(`${await placeLine(context, launch)}\n`);
  return 0;
}

/** With progress, and with a question where the repository's commands are not trusted yet. */
function createOne(context: Context, request: CreateRequest): Promise<CreateResult> {
  const create = request.from === undefined ? {} : { from: request.from };
  const target = targetOf(context, request.branch);
  return runOperation(context, { path: "/v1/environments/create", request }, { target, create });
}

/** The first one alone: what it asks about and what it leaves behind (a template, say) serves the others. */
async function createAll(context: Context, requests: readonly CreateRequest[], agent: AgentChoice | null): Promise<CreatedWithAgent[]> {
  using interruption = catchInterrupt();
  const results: CreatedWithAgent[] = [];
  let windows: Promise<unknown> = Promise.resolve();
  const one = async (at: number, make: () => Promise<CreateResult>) => {
    const branch = requests[at]?.branch ?? "";
    const result: CreatedWithAgent = { branch, environment: null, agent: null, error: null };
    results[at] = result;
    try {
      result.environment = (await make()).environment;
      if (!agent) return;
      const target = targetOf(context, result.environment.slug);
      // One after the other: two that begin the same session at once would be in each other's way.
      const started = windows.then(() => startAgent(context, target, agent));
      windows = started.catch(() => undefined);
      result.agent = (await started).launch.agent;
    } catch (error) {
      result.error = WtError.from(error);
      if (result.error.kind === "internal") throw error;
    }
  };
  const quietly = (request: CreateRequest) => async () => {
    const result = await context.client.operate("/v1/environments/create", request, {
      onEvent: () => undefined,
      abort: interruption.signal,
    });
    if (!context.json) await context.terminal.err(`${result.environment.slug} is there.\n`);
    return result;
  };
  const [first, ...others] = requests;
  if (first) await one(0, () => createOne(context, first));
  let next = 0;
  const worker = async () => {
    for (let at = next++; at < others.length; at = next++) {
      const request = others[at];
      if (request && !interruption.signal.aborted && results[0]?.error?.kind !== "cancelled") await one(at + 1, quietly(request));
    }
  };
  await Promise.all(Array.from({ length: creationsAtOnce }, worker));
  return results.filter((result) => result !== undefined);
}

/** One terminal holds one agent. */
function placeForSeveral(context: Context, agent: AgentChoice): AgentChoice {
  if (agent.place !== "terminal") return agent;
  if (context.env.TMUX) return { ...agent, place: "tmux" };
  if (context.env.ZELLIJ !== undefined) return { ...agent, place: "zellij" };
  throw new WtError({
    kind: "usage",
    code: "agents_need_place",
    message: "Several agents do not fit into one terminal.",
    hints: ["Give each a window: --tmux or --zellij", "Or run them without a terminal: --detach"],
  });
}

async function say(context: Context, error: WtError): Promise<void> {
  const { errPaint, unicode } = context.terminal;
  await context.terminal.err(errorText(error, { paint: errPaint, symbols: symbolsFor(unicode), verbose: context.verbose }));
}
