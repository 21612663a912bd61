import type { EnvironmentView } from "../../api/environment.ts";
import { exec } from "../../os/exec.ts";
import { type Context, callerEnvironment } from "../command.ts";
import type { Paint } from "../paint.ts";
import { age } from "../render/age.ts";
import { currentEnvironment, gitKey } from "../render/list-text.ts";
import { statePaint } from "../render/state-paint.ts";
import { symbolsFor } from "../symbols.ts";
import { pickerLines } from "./picker-screen.ts";
import type { PickerEntry, PickerState } from "./picker-state.ts";
import { runPicker } from "./run-picker.ts";

/** Lets a person choose; null when they leave. The current environment is not the first choice, since one wants to go elsewhere. */
export async function pickEnvironment(context: Context, environments: readonly EnvironmentView[]): Promise<EnvironmentView | null> {
  const { terminal } = context;
  const paint = terminal.errPaint;
  const entries = pickerEntries(environments, context.cwd, paint);
  const current = environments.indexOf(currentEnvironment(environments, context.cwd) ?? ({} as EnvironmentView));
  const commits = new Map<string, string>();
  let redraw: () => void = () => undefined;

  const draw = (state: PickerState, size: { columns: number; rows: number }) => {
    const index = state.ranked[state.selected]?.index;
    const selected = index === undefined ? undefined : environments[index];
    if (selected && !commits.has(gitKey(selected))) {
      commits.set(gitKey(selected), "");
      observeLastCommit(context, selected.path).then((commit) => {
        commits.set(gitKey(selected), commit);
        redraw();
      });
    }
    const preview = selected ? previewLines(selected, commits.get(gitKey(selected)) ?? "", paint) : [];
    return pickerLines(entries, state, { ...size, paint, symbols: symbolsFor(terminal.unicode), preview });
  };
  const chosen = await runPicker({
    entries,
    selected: current === 0 && environments.length > 1 ? 1 : 0,
    draw,
    onRedraw: (again) => {
      redraw = again;
    },
  });
  redraw = () => undefined;
  return chosen === null ? null : (environments[chosen] ?? null);
}

/** Outside of a repository, and where there are several, the project's name comes first and can be typed too. */
export function pickerEntries(environments: readonly EnvironmentView[], cwd: string, paint: Paint): PickerEntry[] {
  const several = new Set(environments.map(({ project }) => project)).size > 1;
  const named = several || currentEnvironment(environments, cwd) === null;
  return environments.map((environment) => ({
    ...pickerEntry(environment, paint),
    ...(named ? { name: `${environment.project}/${environment.slug}` } : {}),
  }));
}

function pickerEntry(environment: EnvironmentView, paint: Paint): PickerEntry {
  const branch = environment.branch && environment.branch !== environment.slug ? `  ${paint.dim(environment.branch)}` : "";
  return { name: environment.slug, note: `${statePaint(environment.status, paint)(environment.status)}${branch}` };
}

export function previewLines(environment: EnvironmentView, commit: string, paint: Paint): string[] {
  const services = environment.services.map(({ name, state }) => `${name} ${statePaint(state, paint)(state)}`).join("  ");
  return [
    `${paint.bold(environment.branch ?? "detached HEAD")}  ${statePaint(environment.status, paint)(environment.status)}`,
    ...(services ? [services] : []),
    ...(environment.url ? [paint.accent(environment.url)] : []),
    paint.dim(`${environment.path}, ${age(environment.createdAt, Date.now())} old`),
    ...(commit ? [commit] : []),
  ];
}

/** One line; empty where there is no commit, no directory or no git. */
async function observeLastCommit(context: Context, path: string): Promise<string> {
  const command = ["git", "--no-optional-locks", "log", "-1", "--no-show-signature", "--format=%h %s (%cr, %an)"];
  try {
    const { code, stdout } = await exec(command, { cwd: path, env: callerEnvironment(context.env) });
    return code === 0 ? Bun.stripANSI(stdout.trim()).replace(/\p{Cc}/gu, "") : "";
  } catch {
    return "";
  }
}
