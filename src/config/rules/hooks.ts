import { type Finding, formatPath } from "../check-written.ts";
import { parseDurationMs } from "../duration.ts";
import { writtenHooks } from "../normalize.ts";
import { findReferences } from "../references.ts";
import type { Rule } from "../rules.ts";

/** They run while the environment has no ports and no resources. */
const withoutEnvironment: readonly unknown[] = ["before_create", "after_delete"];

export const hookRules: readonly Rule[] = [
  {
    name: "hook-timeouts",
    check: ({ written }) =>
      writtenHooks(written.hooks).flatMap(({ path, step }): Finding[] => {
        if (typeof step === "string" || step.timeout === undefined) return [];
        const ms = parseDurationMs(step.timeout);
        if (ms !== null && ms >= 1) return [];
        const at = [...path, "timeout"];
        const message = `${formatPath(at)} \`${step.timeout}\` is not a duration between 1ms and 24h.`;
        return [{ path: at, message, hint: "Write it like `30s`, `2m`, or as a number of seconds." }];
      }),
  },
  {
    name: "hook-references",
    check: ({ written }) =>
      writtenHooks(written.hooks).flatMap(({ path, step }): Finding[] => {
        if (!withoutEnvironment.includes(path[1])) return [];
        const text = typeof step === "string" ? step : step.run;
        const reference = findReferences(text).find(({ kind }) => kind === "service" || kind === "resource");
        if (!reference) return [];
        const message = `${formatPath(path)} refers to ${reference.text}, but ${path[1]} runs while the environment has neither ports nor resources.`;
        return [{ path, message, hint: "References to `env` work there." }];
      }),
  },
];
