import type { DeleteResult } from "../../api/environment.ts";

export function deleteJson(deleted: readonly DeleteResult[]): string {
  return `${JSON.stringify({ schema: 1, deleted })}\n`;
}
