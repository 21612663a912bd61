// Shows what a repository wants to run and, where a person can be asked, takes the answer.
import type { TrustRequest, TrustView } from "../api/operations.ts";
import { WtError } from "../errors/wt-error.ts";
import type { Context } from "./command.ts";
import { canAsk, confirm } from "./confirm.ts";
import { trustLines } from "./render/trust-text.ts";

/** Runs `work`; when the repository's commands are not trusted, asks once on a terminal and then runs it again. */
export async function withTrust<T>(context: Context, asked: TrustRequest, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof WtError) || error.kind !== "untrusted" || !canAsk(context)) throw error;
    const question = aboutEnvironment(asked, error);
    const view = await context.client.call("/v1/trust", question);
    if (view.state === "trusted" || view.state === "nothing_to_trust") throw error;
    if (!(await askForTrust(context, view))) throw error;
    await context.client.call("/v1/trust/grant", { ...question, hash: view.hash });
    return await work();
  }
}

/** The daemon says which environment it was: `wt up feature` names it where a service could stand too. */
function aboutEnvironment(asked: TrustRequest, { details }: WtError): TrustRequest {
  const name = details?.environment;
  return typeof name === "string" ? { ...asked, target: { ...asked.target, name } } : asked;
}

export async function askForTrust(context: Context, view: TrustView): Promise<boolean> {
  const { terminal } = context;
  await terminal.err(`${trustLines(view, terminal.errPaint).join("\n")}\n\n`);
  return await confirm(context, `Let wt run these commands of ${view.project}?`);
}
