import type { EnvironmentList, EnvironmentView } from "../../api/environment.ts";

export function listJson(environments: EnvironmentView[]): string {
  const document: EnvironmentList = { schema: 1, environments };
  return `${JSON.stringify(document)}\n`;
}
