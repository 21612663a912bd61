import type { TrustCommand, TrustView } from "../../api/operations.ts";
import type { Paint } from "../paint.ts";

/** Everything that would run, with where it stands; what is new or different since the last approval is marked. */
export function trustLines(view: TrustView, paint: Paint): string[] {
  if (view.state === "nothing_to_trust") return [`${view.project} has no commands to run (${view.root}).`];
  const lines = [trustHeading(view, paint), ""];
  for (const command of view.commands) {
    const [first = "", ...rest] = visible(command.text).trimEnd().split("\n");
    lines.push(
      `${mark(command, paint)} ${paint.dim(visible(command.source).replaceAll("\n", "\\n"))}`,
      `    ${first}`,
      ...rest.map((line) => `    ${line}`),
    );
  }
  return lines;
}

/** What a terminal would act upon or not show (a carriage return, a change of direction) stands there by its number: nothing may hide what is to be approved. */
function visible(text: string): string {
  const hidden = /(?![\n\t])[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/gu;
  return text.replaceAll("\r\n", "\n").replace(hidden, (sign) => `\\u{${(sign.codePointAt(0) ?? 0).toString(16)}}`);
}

function trustHeading(view: TrustView, paint: Paint): string {
  const place = paint.dim(`(${view.root})`);
  if (view.state === "trusted") return `The commands of ${paint.bold(view.project)} are trusted ${place}:`;
  if (view.state === "changed") return `The commands of ${paint.bold(view.project)} changed since they were trusted ${place}:`;
  return `${paint.bold(view.project)} wants to run these commands ${place}:`;
}

function mark(command: TrustCommand, paint: Paint): string {
  if (command.change === "added") return paint.good("+");
  if (command.change === "changed") return paint.warning("~");
  return " ";
}
