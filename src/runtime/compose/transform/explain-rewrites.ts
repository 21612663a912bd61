import { type RewriteRule, refusalRules, rewriteRules, warningRules } from "./rules.ts";
import type { Rewrite, TransformResult } from "./transform-result.ts";

/**
 * What `wt explain` prints, without colours: refusals first, because nothing runs with one; then what to know; then every rewrite under the
 * sentence that says why. An empty list: nothing was changed.
 */
export function explainRewrites(result: Pick<TransformResult, "rewrites" | "refusals" | "warnings">): string[] {
  return [...refusalLines(result), ...warningLines(result), ...rewriteLines(result.rewrites)];
}

function refusalLines({ refusals }: Pick<TransformResult, "refusals">): string[] {
  return refusals.flatMap(({ rule, message, allow }) => [
    `refused: ${message}`,
    `  ${refusalRules[rule]}`,
    ...(allow === null ? [] : [`  To accept it, in wt.yaml: compose: { allow: [${JSON.stringify(allow)}] }`]),
  ]);
}

function warningLines({ warnings }: Pick<TransformResult, "warnings">): string[] {
  return warnings.flatMap(({ rule, message }) => [`note: ${message}`, `  ${warningRules[rule]}`]);
}

function rewriteLines(rewrites: readonly Rewrite[]): string[] {
  const byRule = new Map<RewriteRule, Rewrite[]>();
  for (const rewrite of rewrites) byRule.set(rewrite.rule, [...(byRule.get(rewrite.rule) ?? []), rewrite]);
  return (Object.keys(rewriteRules) as RewriteRule[]).flatMap((rule) => {
    const found = byRule.get(rule) ?? [];
    return found.length === 0 ? [] : [`${rule}: ${rewriteRules[rule]}`, ...found.map(rewriteLine)];
  });
}

function rewriteLine({ service, key, from, to }: Rewrite): string {
  const place = [service, key].filter(Boolean).join(".");
  if (from === null) return `  ${place}: ${to ?? ""}`;
  return `  ${place}: ${from} → ${to ?? "removed"}`;
}
