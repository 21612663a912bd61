import type { DoctorFinding } from "../../api/operations.ts";
import type { Paint } from "../paint.ts";
import type { Symbols } from "../symbols.ts";
import { counted } from "./age.ts";

/** One line a finding, the worst last so that it stands right above the prompt, each with the command that mends it. */
export function findingLines(findings: readonly DoctorFinding[], paint: Paint, symbols: Symbols): string[] {
  const order: DoctorFinding["level"][] = ["ok", "warning", "error"];
  const sorted = findings.toSorted((a, b) => order.indexOf(a.level) - order.indexOf(b.level));
  const count = (level: DoctorFinding["level"]) => findings.filter((finding) => finding.level === level && !finding.fixed).length;
  const fixed = findings.filter((finding) => finding.fixed).length;
  const fixable = findings.filter((finding) => finding.fixable).length;
  return [
    ...sorted.flatMap((finding) => [
      `${sign(finding, paint, symbols)} ${finding.message}`,
      ...(finding.fixed ? [`    ${paint.good(symbols.done)} ${finding.fixed}`] : []),
      ...(finding.fix && !finding.fixed ? [`    ${paint.accent(symbols.arrow)} ${finding.fix}`] : []),
    ]),
    "",
    `${count("ok")} fine, ${counted(count("warning"), "warning")}, ${counted(count("error"), "error")}${fixed > 0 ? `, ${fixed} mended` : ""}.`,
    ...(fixable > 0 ? [`${counted(fixable, "finding")} can be mended without losing anything: wt doctor --fix`] : []),
  ];
}

function sign({ level }: DoctorFinding, paint: Paint, symbols: Symbols): string {
  if (level === "ok") return paint.good(symbols.done);
  return level === "warning" ? paint.warning("!") : paint.bad(symbols.failed);
}
