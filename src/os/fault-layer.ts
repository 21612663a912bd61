// Fault injection for the project's own tests: effects on the machine can be made to fail, to be slow, or to be the last thing the daemon does.
// Nothing is armed unless WT_TEST_FAULT says so, and then this costs one comparison per effect.

/** `exec` has a command line as its subject, `before`, `after` and `paused` the name of a step, the others a path. */
const verbs = ["exec", "write", "copy", "move", "remove", "before", "after", "paused"] as const;
export type FaultVerb = (typeof verbs)[number];

export interface Effect {
  verb: FaultVerb;
  subject: string;
}

/** Stands around every effect; `work` carries it out. */
export type FaultLayer = <T>(effect: Effect, work: () => Promise<T>) => Promise<T>;

/** What the system says, in its own words. */
const systemErrors = {
  enospc: { code: "ENOSPC", text: "No space left on device" },
  eio: { code: "EIO", text: "Input/output error" },
  eacces: { code: "EACCES", text: "Permission denied" },
  erofs: { code: "EROFS", text: "Read-only file system" },
} as const;
export type SystemError = keyof typeof systemErrors;

export interface InjectedFault extends Error {
  code: string;
  path: string;
  /** Of the system error, as programs print it. */
  text: string;
}

interface FaultRule {
  action: SystemError | "kill" | "slow";
  /** Only of `slow`. */
  delayMs: number;
  /** The effect is carried out first; then it fails all the same. */
  late: boolean;
  /** Only the first, second … effect that matches; null: every one. */
  nth: number | null;
  verb: FaultVerb;
  glob: Bun.Glob;
}

let armed: FaultLayer | null = null;

/** null disarms. */
export function armFaults(layer: FaultLayer | null): void {
  armed = layer;
}

/** Carries an effect out, through the armed faults if there are any. */
export function withFaults<T>(verb: FaultVerb, subject: () => string, work: () => Promise<T>): Promise<T> {
  return armed === null ? work() : armed({ verb, subject: subject() }, work);
}

/**
 * `<action>[-after][#<nth>]@<verb>:<glob>`, several separated by `;`. Actions: `kill` (SIGKILL to this very process), `enospc`, `eio`, `eacces`, `erofs`,
 * `slow=<ms>`. Such as `enospc@write:**`, `kill-after#2@exec:git * worktree add **`, `kill@before:remove_worktree`.
 * Throws for what cannot be read: a fault that never strikes would let its test pass.
 */
export function parseFaults(setting: string): FaultLayer | null {
  const rules = setting
    .split(";")
    .map((rule) => rule.trim())
    .filter((rule) => rule !== "")
    .map(parseRule);
  return rules.length === 0 ? null : layerOf(rules);
}

/** An error as the system would give it for this effect. */
export function systemError(kind: SystemError, { verb, subject }: { verb: string; subject: string }): InjectedFault {
  const { code, text } = systemErrors[kind];
  return Object.assign(new Error(`${code}: ${text.toLowerCase()}, ${verb} '${subject}'`), { code, text, path: subject });
}

export function isInjected(error: unknown): error is InjectedFault {
  return error instanceof Error && "text" in error && "code" in error;
}

function parseRule(written: string): FaultRule {
  const match = /^(kill|slow|enospc|eio|eacces|erofs)(?:=(\d+))?(-after)?(?:#(\d+))?@([a-z]+):(.+)$/s.exec(written);
  const verb = verbs.find((one) => one === match?.[5]);
  if (!match || !verb) throw new Error(`WT_TEST_FAULT: ${written} is not <action>[-after][#<nth>]@<verb>:<glob>.`);
  return {
    action: match[1] as FaultRule["action"],
    delayMs: Number(match[2] ?? 1000),
    late: match[3] !== undefined,
    nth: match[4] === undefined ? null : Number(match[4]),
    verb,
    glob: new Bun.Glob(match[6] ?? ""),
  };
}

function layerOf(rules: readonly FaultRule[]): FaultLayer {
  const seen = new Map<FaultRule, number>();
  return async (effect, work) => {
    const rule = rules.find((one) => {
      if (one.verb !== effect.verb || !one.glob.match(effect.subject)) return false;
      const count = (seen.get(one) ?? 0) + 1;
      seen.set(one, count);
      return one.nth === null || one.nth === count;
    });
    if (!rule) return work();
    if (!rule.late) await strike(rule, effect);
    const result = await work();
    if (rule.late) await strike(rule, effect);
    return result;
  };
}

async function strike({ action, delayMs }: FaultRule, effect: Effect): Promise<void> {
  if (action === "kill") process.kill(process.pid, "SIGKILL");
  else if (action === "slow") await Bun.sleep(delayMs);
  else throw systemError(action, effect);
}
