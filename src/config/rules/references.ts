import { type Finding, formatPath, type KeyPath } from "../check-written.ts";
import { closest } from "../closest.ts";
import { cycles } from "../cycles.ts";
import { textsOf } from "../normalize.ts";
import { findReferences } from "../references.ts";
import { fixedKeys } from "../resource-references.ts";
import type { Rule, RuleInput } from "../rules.ts";

// Services may refer to each other in a circle: their ports and URLs are known before any of them starts. Only values that are made while
// resources are made can wait for each other, and starts that `needs` puts in an order.
export const referenceRules: readonly Rule[] = [
  { name: "needs-known", check: unknownNeeds },
  {
    name: "needs-itself",
    check: ({ config }) =>
      config.services
        .filter((service) => service.needs.includes(service.name))
        .map((service) => ({
          path: ["services", service.name, "needs"],
          message: `services.${service.name} needs itself.`,
          hint: `Remove \`${service.name}\` from its \`needs\`.`,
        })),
  },
  {
    name: "needs-without-cycle",
    check: ({ config }) => {
      const edges = new Map(config.services.map((service) => [service.name, service.needs.filter((name) => name !== service.name)]));
      return cycles(edges).map((cycle) => ({
        path: ["services", cycle[0] ?? "", "needs"],
        message: `services.${cycle[0]} waits for itself: ${[...cycle, cycle[0]].join(" → ")}.`,
        hint: "Remove one of these from `needs`; services that only call each other need no order.",
      }));
    },
  },
  { name: "references-known", check: (input) => textsOf(input.written).flatMap((entry) => badReferences(entry, input)) },
  {
    name: "references-without-cycle",
    check: ({ written }) => {
      const edges = new Map<string, string[]>();
      for (const { path, text } of textsOf(written)) {
        if (path[0] !== "resources") continue;
        const name = String(path[1]);
        const targets = findReferences(text).flatMap((reference) => (reference.kind === "resource" ? [reference.name] : []));
        edges.set(name, [...(edges.get(name) ?? []), ...targets]);
      }
      return cycles(edges).map((cycle) => ({
        path: ["resources", cycle[0] ?? ""],
        message: `resources.${cycle[0]} refers to itself: ${[...cycle, cycle[0]].join(" → ")}.`,
        hint: "Remove one of these references.",
      }));
    },
  },
  { name: "references-only-where-resolved", check: misplacedReferences },
];

function unknownNeeds({ written, config, outline }: RuleInput): Finding[] {
  if (othersMayExist(config, outline)) return [];
  const shared = config.compose?.shared ?? [];
  const inCompose = outline?.services.filter(({ active }) => active).map(({ name }) => name) ?? [];
  const known = [...config.services.map((service) => service.name), ...Object.keys(config.resources), ...shared, ...inCompose];
  return Object.entries(written.services ?? {}).flatMap(([name, service]) => {
    const needs = typeof service === "string" ? undefined : service.needs;
    const listed = Array.isArray(needs);
    return (listed ? needs : needs === undefined ? [] : [needs]).flatMap((need, index): Finding[] => {
      if (known.includes(need)) return [];
      const path: KeyPath = ["services", name, "needs", ...(listed ? [index] : [])];
      return [
        {
          path,
          message: `services.${name}.needs names \`${need}\`, which is neither a service nor a resource.`,
          hint: suggestion(need, known),
        },
      ];
    });
  });
}

/** Services of compose files that nobody has read yet. */
function othersMayExist(config: RuleInput["config"], outline: RuleInput["outline"]): boolean {
  return config.compose !== null && outline === null;
}

function suggestion(written: string, known: string[]): string {
  const meant = closest(written, known);
  if (meant) return `Did you mean \`${meant}\`?`;
  return known.length === 0 ? "There is none in this file." : `There are: ${known.join(", ")}.`;
}

function badReferences(entry: { path: KeyPath; text: string }, { config, outline }: RuleInput): Finding[] {
  const services = config.services.map((service) => service.name);
  const resources = Object.keys(config.resources);
  const at = formatPath(entry.path);
  return findReferences(entry.text).flatMap((reference): Finding[] => {
    const { path } = entry;
    if (reference.kind === "invalid")
      return [{ path, message: `${at} holds ${reference.text}, and ${reference.reason}.`, hint: reference.hint }];
    if (reference.kind === "resource" && !resources.includes(reference.name)) {
      return [
        {
          path,
          message: `${at} refers to ${reference.text}, but there is no resource \`${reference.name}\`.`,
          hint: suggestion(reference.name, resources),
        },
      ];
    }
    if (reference.kind !== "service") return [];
    const target = config.services.find((service) => service.name === reference.name);
    if (!target) {
      if (othersMayExist(config, outline)) return [];
      return [
        {
          path,
          message: `${at} refers to ${reference.text}, but there is no service \`${reference.name}\`.`,
          hint: suggestion(reference.name, services),
        },
      ];
    }
    if (target.port.kind !== "none") return [];
    const hint = `Give services.${reference.name} a port: remove its \`port: none\`, or write \`port: auto\`.`;
    return [{ path, message: `${at} refers to ${reference.text}, but services.${reference.name} has no port.`, hint }];
  });
}

function misplacedReferences({ written }: RuleInput): Finding[] {
  const resolved = new Set(textsOf(written).map((entry) => formatPath(entry.path)));
  return allTexts(written, []).flatMap(({ path, text }): Finding[] => {
    const fixed = path[0] === "resources" && fixedKeys.includes(String(path[2]));
    const [reference] = !fixed && (path[0] === "resources" || resolved.has(formatPath(path))) ? [] : findReferences(text);
    if (!reference) return [];
    const hint = fixed
      ? `Write the ${path[2]} itself; references work in the other options of a resource.`
      : "References work in `env`, `run`, `setup`, `ready.command` and options of resources.";
    return [{ path, message: `${formatPath(path)} holds ${reference.text}, but references are not resolved there.`, hint }];
  });
}

function allTexts(value: unknown, path: KeyPath): { path: KeyPath; text: string }[] {
  if (typeof value === "string") return [{ path, text: value }];
  if (Array.isArray(value)) return value.flatMap((entry, index) => allTexts(entry, [...path, index]));
  if (typeof value === "object" && value !== null) return Object.entries(value).flatMap(([key, entry]) => allTexts(entry, [...path, key]));
  return [];
}
