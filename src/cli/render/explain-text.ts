import type { ExplainDocument } from "../../api/stacks.ts";

export function explainLines({ environment, project, own, shared }: ExplainDocument): string[] {
  const ours = own.services.length === 0 ? "no containers of its own" : own.services.join(", ");
  return [
    `${environment} is the compose project ${project}: ${ours}.`,
    ...own.lines.map((line) => `  ${line}`),
    ...(shared.services.length > 0
      ? ["", `Once for all environments: ${shared.services.join(", ")}.`, ...shared.lines.map((line) => `  ${line}`)]
      : []),
  ];
}
