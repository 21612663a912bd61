// `wt db template build` and `refresh` differ in one word to the daemon.
import { type Context, callerEnvironment, targetOf } from "./command.ts";
import { builtLines } from "./render/template-text.ts";
import { runOperation } from "./run-operation.ts";

export async function buildTemplate(
  context: Context,
  asked: { environment: string | undefined; resource: string | undefined; anew: boolean },
): Promise<number> {
  const target = targetOf(context, asked.environment);
  const request = { target, resource: asked.resource ?? null, anew: asked.anew, env: callerEnvironment(context.env) };
  const result = await runOperation(context, { path: "/v1/templates/build", request }, { target });
  if (context.json) await context.terminal.out(`${JSON.stringify(result)}\n`);
  else await context.terminal.out(`${builtLines(result.template, result).join("\n")}\n`);
  return 0;
}
