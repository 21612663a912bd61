import type { VariablesRequest, VariablesResult } from "../api/operations.ts";
import { type Context, callerEnvironment, targetOf } from "./command.ts";

/** The variables of an environment, or of one of its services, and which of the caller's names have to go. */
export async function fetchVariables(
  context: Context,
  wanted: { environment: string | undefined; service: string | undefined; explain?: boolean },
): Promise<VariablesResult> {
  const caller = callerEnvironment(context.env);
  const request: VariablesRequest = { target: targetOf(context, wanted.environment), callerNames: Object.keys(caller) };
  if (wanted.service !== undefined) request.service = wanted.service;
  if (wanted.explain) request.explain = true;
  if (caller.WT_VARIABLES !== undefined) request.callerMark = caller.WT_VARIABLES;
  return await context.client.call("/v1/variables", request);
}
