import { type Finding, formatPath } from "../check-written.ts";
import { projectName } from "../project-name.ts";
import type { Rule } from "../rules.ts";

/** A service's name is a DNS label and part of variable names. */
const label = /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/;

export const nameRules: readonly Rule[] = [
  {
    name: "project-name",
    check: ({ written }) => {
      const name = written.project;
      if (name === undefined || label.test(name)) return [];
      const hint = `Write \`project: ${projectName(name)}\`.`;
      return [
        {
          path: ["project"],
          message: "project must consist of a-z, 0-9 and -, begin and end with a letter or digit, and have at most 40 characters.",
          hint,
        },
      ];
    },
  },
  {
    name: "service-and-resource-names",
    check: ({ written }) => [
      ...Object.keys(written.services ?? {}).flatMap((name) => badName(["services", name])),
      ...Object.keys(written.resources ?? {}).flatMap((name) => badName(["resources", name])),
    ],
  },
  {
    name: "names-unique-as-variables",
    check: ({ config }) => clashes(config.services.map((service) => service.name)),
  },
  {
    name: "service-named-like-resource",
    check: ({ written, config }) =>
      Object.keys(written.resources ?? {})
        .filter((name) => config.services.some((service) => service.name === name))
        .map((name) => ({
          path: ["resources", name],
          at: "key" as const,
          message: `resources.${name} has the name of a service, so \`needs: [${name}]\` would mean both.`,
          hint: "Rename one of them.",
        })),
  },
  {
    name: "variable-names",
    check: ({ written }) => [
      ...badVariables(["env"], written.env),
      ...Object.entries(written.services ?? {}).flatMap(([name, service]) =>
        typeof service === "string" ? [] : badVariables(["services", name, "env"], service.env),
      ),
    ],
  },
];

function badName(path: string[]): Finding[] {
  const name = path.at(-1) ?? "";
  if (label.test(name)) return [];
  const message = `${formatPath(path)} is not a usable name: it becomes part of host names, so only a-z, 0-9 and - (not first or last), at most 40 characters.`;
  return [{ path, at: "key", message, hint: `Call it \`${projectName(name)}\`.` }];
}

function clashes(names: string[]): Finding[] {
  const seen = new Map<string, string>();
  const found: Finding[] = [];
  for (const name of names) {
    const variable = name.toUpperCase().replace(/[^A-Z0-9]/g, "_");
    const other = seen.get(variable);
    if (other === undefined) seen.set(variable, name);
    else {
      found.push({
        path: ["services", name],
        at: "key",
        message: `services.${name} and services.${other} would both be ${variable}_URL in the environment.`,
        hint: "Rename one of them.",
      });
    }
  }
  return found;
}

function badVariables(path: string[], env: Record<string, unknown> | undefined): Finding[] {
  return Object.entries(env ?? {}).flatMap(([key, value]): Finding[] => {
    const at = formatPath([...path, key]);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) {
      return [
        {
          path: [...path, key],
          at: "key",
          message: `${at} is not a name a variable can have.`,
          hint: "Use letters, digits and _, not beginning with a digit.",
        },
      ];
    }
    if (key === "PORT" || key.startsWith("WT_")) {
      const hint = key === "PORT" ? "For a port of your choice use `port: 8000` on the service." : "Choose a name without WT_.";
      return [{ path: [...path, key], at: "key", message: `${at} is set by wt and cannot be given here.`, hint }];
    }
    if (String(value).includes("\0"))
      return [{ path: [...path, key], message: `${at} holds a NUL character, which no variable can.`, hint: "Remove it." }];
    return [];
  });
}
