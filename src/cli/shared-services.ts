import { type Context, callerEnvironment, targetOf } from "./command.ts";
import { sharedLines } from "./render/shared-text.ts";
import { runOperation } from "./run-operation.ts";

export async function changeShared(
  context: Context,
  wish: { wanted: "up" | "down" | "absent"; environment: string | undefined },
): Promise<number> {
  const target = targetOf(context, wish.environment);
  const request = { target, env: callerEnvironment(context.env), wanted: wish.wanted };
  const document = await runOperation(context, { path: "/v1/shared/change", request }, { target });
  await context.terminal.out(context.json ? `${JSON.stringify(document)}\n` : `${sharedLines(document).join("\n")}\n`);
  return 0;
}
