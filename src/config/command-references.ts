// References inside shell commands. A branch may be called `a;rm -rf ~`: a value never becomes syntax of the command it stands in.
import { WtError } from "../errors/wt-error.ts";
import { type ReferenceLookup, resolveReference, segments } from "./references.ts";

/**
 * The shell command with every reference replaced and its value quoted for the place it stands in.
 * Throws `WtError` (`config`) that names `key` when a reference has no value, or a value cannot be quoted safely there.
 */
export function resolveCommandReferences(command: string, lookup: ReferenceLookup, key = "a command"): string {
  let written = "";
  /** The command so far, with a harmless letter for each value: values never change how the rest is read. */
  let before = "";
  for (const segment of segments(command)) {
    if (segment.kind === "text") {
      written += segment.text;
      before += segment.text;
      continue;
    }
    const value = resolveReference(segment.reference, lookup, key);
    written += plain.test(value) ? value : quoted(value, before, { key, reference: segment.reference.text });
    before += "x";
  }
  return written;
}

/** Nothing in it means anything to a shell, wherever it stands. */
const plain = /^[\p{L}\p{N}_./:@%+,][\p{L}\p{N}_./:@%+,=-]*$/u;
/** Places where plain quote counting does not tell how the shell reads what follows. */
const nested = /`|\$\(|\$\{|\$'|<<|(?:^|\s)#/;

function quoted(value: string, before: string, place: { key: string; reference: string }): string {
  const state = quoteState(before);
  if (state === "escaped" || nested.test(before) || /[\0\n\r]/.test(value)) {
    throw new WtError({
      kind: "config",
      code: "reference_unsafe",
      message: `${place.key} puts ${place.reference} where its value cannot be quoted safely for the shell.`,
      hints: [`Pass it through the environment: \`env: { VALUE: "${place.reference}" }\`, and write "$VALUE" in the command.`],
      details: { key: place.key, reference: place.reference },
    });
  }
  if (state === "double") return value.replace(/[\\"$`]/g, "\\$&");
  const single = value.replaceAll("'", "'\\''");
  return state === "single" ? single : `'${single}'`;
}

function quoteState(text: string): "none" | "single" | "double" | "escaped" {
  let state: "none" | "single" | "double" = "none";
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (state !== "single" && character === "\\") {
      index += 1;
      if (index === text.length) return "escaped";
    } else if (character === "'" && state !== "double") state = state === "single" ? "none" : "single";
    else if (character === '"' && state !== "single") state = state === "double" ? "none" : "double";
  }
  return state;
}
