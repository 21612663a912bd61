// Which lines of Docker Compose people see: what is built and what the build says, not that all of it was there already.

/** Keeps a step of a build until it is known whether anything is done for it. */
export function composeProgress(report: (line: string) => void): (line: string) => void {
  const steps = new Map<string, string>();
  return (line) => {
    const text = line.trim();
    if (text === "" || /^time="/.test(text)) return;
    const match = /^#(\d+) (.*)$/.exec(text);
    if (!match) return report(text);
    const [, step = "", said = ""] = match;
    if (/^\[(?!.*internal\]).*\] (?!FROM |exporting )/.test(said)) steps.set(step, said);
    else if (said === "CACHED") steps.delete(step);
    else if (steps.has(step) && /^\d+\.\d+ |^ERROR/.test(said)) {
      reportStep(steps, step, report);
      report(said.replace(/^\d+\.\d+ /, ""));
    } else if (/^DONE/.test(said)) {
      reportStep(steps, step, report);
      steps.delete(step);
    }
  };
}

/** Once, before what it says. */
function reportStep(steps: Map<string, string>, step: string, report: (line: string) => void): void {
  const title = steps.get(step);
  if (title) report(title);
  steps.set(step, "");
}
