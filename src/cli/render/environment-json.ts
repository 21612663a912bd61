import type { EnvironmentDocument } from "../../api/environment.ts";

/** `status`, `here`, `create`, `up`, `down`, `restart`: one document of one shape. */
export function environmentJson(document: EnvironmentDocument): string {
  return `${JSON.stringify(document)}\n`;
}
