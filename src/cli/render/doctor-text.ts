import type { DoctorFinding } from "../../api/operations.ts";
import type { Paint } from "../paint.ts";
import type { Symbols } from "../symbols.ts";
import { counted } from "./age.ts";

/** One line a finding, the worst last so that it stands right above the prompt, each with the command that mends it. */
export function findingLines(findings: readonly DoctorFinding[], paint: Paint, symbols: Symbols): string[] {
  const order: DoctorFinding["level"][] = ["ok", "warning", "error"];
  const sorted = findings.toSorted((a, b) => order.indexOf(a.level) - order.indexOf(b.level));
  const count = (level: DoctorFinding["level"]) => findings.filter((finding) => finding.level === level).length;
  return [
    ...sorted.flatMap((finding) => [
      `${sign(finding, paint, symbols)} ${finding.message}`,
      ...(finding.fix ? [`    ${paint.accent(symbols.arrow)} ${finding.fix}`] : []),
    ]),
    "",
    `${count("ok")} fine, ${counted(count("warning"), "warning")}, ${counted(count("error"), "error")}.`,
  ];
}

function sign({ level }: DoctorFinding, paint: Paint, symbols: Symbols): string {
  if (level === "ok") return paint.good(symbols.done);
  return level === "warning" ? paint.warning("!") : paint.bad(symbols.failed);
}
