import type { TrustView } from "../../api/operations.ts";

export function trustJson(trust: TrustView): string {
  return `${JSON.stringify({ schema: 1, trust })}\n`;
}
