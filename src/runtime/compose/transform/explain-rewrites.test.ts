import { expect, test } from "bun:test";
import { explainRewrites } from "./explain-rewrites.ts";
import { refusalRules, rewriteRules, warningRules } from "./rules.ts";
import type { Rewrite } from "./transform-result.ts";

const rewrite = (parts: Partial<Rewrite>): Rewrite => ({
  rule: "ports",
  service: "web",
  key: "ports",
  from: null,
  to: null,
  why: rewriteRules.ports,
  ...parts,
});

test("refusals, then notes, then rewrites under the sentence that says why", () => {
  const lines = explainRewrites({
    rewrites: [
      rewrite({ from: "80:80", to: "127.0.0.1:20001:80" }),
      rewrite({ rule: "left-out", service: "db", key: "", from: "postgres:16" }),
      rewrite({ rule: "network-name", service: null, key: "networks.default.name", from: "shop_default", to: "shop-spike_default" }),
      rewrite({ service: "api", from: "81:81" }),
      rewrite({ rule: "container-name", key: "networks.default.aliases", to: "shop_web" }),
    ],
    refusals: [
      { rule: "privileged", service: "web", key: "privileged", message: "web is privileged.", allow: "web.privileged" },
      { rule: "provider", service: "ai", key: "provider", message: "ai comes from a plugin.", allow: null },
    ],
    warnings: [{ rule: "replicas", service: "web", key: "scale", message: "web is to run 3 times." }],
  });
  expect(lines).toEqual([
    "refused: web is privileged.",
    `  ${refusalRules.privileged}`,
    '  To accept it, in wt.yaml: compose: { allow: ["web.privileged"] }',
    "refused: ai comes from a plugin.",
    `  ${refusalRules.provider}`,
    "note: web is to run 3 times.",
    `  ${warningRules.replicas}`,
    `left-out: ${rewriteRules["left-out"]}`,
    "  db: postgres:16 → removed",
    `container-name: ${rewriteRules["container-name"]}`,
    "  web.networks.default.aliases: shop_web",
    `network-name: ${rewriteRules["network-name"]}`,
    "  networks.default.name: shop_default → shop-spike_default",
    `ports: ${rewriteRules.ports}`,
    "  web.ports: 80:80 → 127.0.0.1:20001:80",
    "  api.ports: 81:81 → removed",
  ]);
});

test("nothing to say", () => {
  expect(explainRewrites({ rewrites: [], refusals: [], warnings: [] })).toEqual([]);
});
