import type { WtError } from "../../errors/wt-error.ts";

/** What `--json` prints on stdout instead of the document when a command fails. */
export function errorJson(error: WtError): string {
  return `${JSON.stringify({ schema: 1, error: error.toWire() })}\n`;
}
