// Which templates may go. Pure: everything that speaks for one is given.
import type { SealedTemplate, TemplateReference } from "../resource/resource-driver.ts";

export interface GarbageFacts {
  templates: readonly SealedTemplate[];
  references: readonly TemplateReference[];
  /** Key → environments that would be made from it, or from what is built on it, now. */
  wantedBy: ReadonlyMap<string, readonly string[]>;
  /** Main worktrees of projects of which that cannot be told, and why not. */
  unknown: ReadonlyMap<string, string>;
  /** Key → the first file that is not as it was sealed. */
  damaged: ReadonlyMap<string, string>;
  nowMs: number;
  retentionMs: number;
  /** Begin of the oldest operation that is under way; null: none. */
  busySinceMs: number | null;
}

export interface Verdict {
  key: string;
  remove: boolean;
  /** A sentence. */
  reason: string;
}

/** What lies upon a template keeps it in any case; else what is wrong with it speaks against it, then what wants it speaks for it. */
export function planGarbage(facts: GarbageFacts): Verdict[] {
  return facts.templates.map((template) => {
    const { key } = template;
    const upon = new Set(facts.references.filter((one) => one.lasting && one.key === key).map((one) => one.directory)).size;
    const damage = facts.damaged.get(key);
    const wrong = damage === undefined ? template.problem : `It is damaged: ${damage} is not what was sealed.`;
    if (upon > 0) {
      const lies = `${upon === 1 ? "A database lies" : `${upon} databases lie`} upon it.`;
      return { key, remove: false, reason: wrong === null ? lies : `${lies} ${wrong}` };
    }
    if (wrong !== null) return { key, remove: true, reason: wrong };
    const wanted = facts.wantedBy.get(key) ?? [];
    if (wanted.length > 0) return { key, remove: false, reason: `${listed(wanted)} would be made from it.` };
    const unknown = facts.unknown.get(template.mainWorktree);
    if (unknown !== undefined) return { key, remove: false, reason: `It cannot be told whether it is needed: ${unknown}` };
    return verdictByAge(template, facts);
  });
}

function verdictByAge(template: SealedTemplate, { nowMs, retentionMs, busySinceMs }: GarbageFacts): Verdict {
  const { key } = template;
  const usedMs = template.usedAtMs ?? template.createdAtMs;
  if (busySinceMs !== null && usedMs >= busySinceMs) return { key, remove: false, reason: "An operation that is under way uses it." };
  const days = Math.floor(Math.max(0, nowMs - usedMs) / dayMs);
  const ago = days === 0 ? "today" : days === 1 ? "yesterday" : `${days} days ago`;
  if (nowMs - usedMs < retentionMs) return { key, remove: false, reason: `It was used ${ago}.` };
  return { key, remove: true, reason: `Nothing would be made from it any more; it was last used ${ago}.` };
}

export const dayMs = 24 * 3600_000;

function listed(names: readonly string[]): string {
  const [first = "", ...rest] = names;
  return rest.length === 0 ? first : rest.length === 1 ? `${first} and ${rest[0]}` : `${first} and ${rest.length} others`;
}
