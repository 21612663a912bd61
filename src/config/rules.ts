// What a schema cannot say. Each rule is small, has a name and reports every place it finds; none does I/O or throws.
import type { Finding } from "./check-written.ts";
import type { ComposeOutline } from "./compose/compose-outline.ts";
import type { Config } from "./config.ts";
import type { ResourceProblems } from "./parse-config.ts";
import { composeRules } from "./rules/compose.ts";
import { composeOutlineRules } from "./rules/compose-outline.ts";
import { hookRules } from "./rules/hooks.ts";
import { nameRules } from "./rules/names.ts";
import { pathRules } from "./rules/paths.ts";
import { portRules } from "./rules/ports.ts";
import { referenceRules } from "./rules/references.ts";
import { valueRules } from "./rules/values.ts";
import type { WrittenConfig } from "./schema.ts";

export interface RuleInput {
  written: WrittenConfig;
  config: Config;
  /** Types of resources that this version has drivers for. */
  resourceTypes: readonly string[];
  resourceProblems: ResourceProblems;
  /** null: not read (yet), so that nobody knows which services there are besides those of wt.yaml. */
  outline: ComposeOutline | null;
}

export interface Rule {
  name: string;
  check: (input: RuleInput) => Finding[];
}

export const rules: readonly Rule[] = [
  ...nameRules,
  ...composeRules,
  ...composeOutlineRules,
  ...referenceRules,
  ...portRules,
  ...pathRules,
  ...valueRules,
  ...hookRules,
];

export function checkRules(input: RuleInput): Finding[] {
  return rules.flatMap((rule) => rule.check(input));
}
