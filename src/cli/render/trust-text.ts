import type { TrustCommand, TrustView } from "../../api/operations.ts";
import type { Paint } from "../paint.ts";

/** Everything that would run, with where it stands; what is new or different since the last approval is marked. */
export function trustLines(view: TrustView, paint: Paint): string[] {
  if (view.state === "nothing_to_trust") return [`${view.project} has no commands to run (${view.root}).`];
  const lines = [trustHeading(view, paint), ""];
  for (const command of view.commands) {
    const [first = "", ...rest] = Bun.stripANSI(command.text).trimEnd().split("\n");
    lines.push(`${mark(command, paint)} ${paint.dim(command.source)}`, `    ${first}`, ...rest.map((line) => `    ${line}`));
  }
  return lines;
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
