import { type Finding, formatPath, type KeyPath } from "../check-written.ts";
import { cleanPath, isContainer, listOf, spelledOut, writtenSteps } from "../normalize.ts";
import type { Rule, RuleInput } from "../rules.ts";

export const composeRules: readonly Rule[] = [
  {
    name: "services-have-run",
    check: ({ written }) =>
      written.runtime === "compose"
        ? []
        : Object.entries(written.services ?? {}).flatMap(([name, service]): Finding[] =>
            spelledOut(service).run === undefined
              ? [{ path: ["services", name], at: "key", message: `services.${name} has no \`run\`.`, hint: "Add `run`." }]
              : [],
          ),
  },
  {
    name: "compose-needs-runtime",
    check: ({ written }) =>
      written.compose === undefined || written.runtime === "compose"
        ? []
        : [
            {
              path: ["compose"],
              at: "key",
              message: "compose says how containers run, but the runtime is not Compose.",
              hint: "Add `runtime: compose`, or remove `compose`.",
            },
          ],
  },
  { name: "container-keys-on-containers", check: keysOfContainers },
  { name: "compose-files-inside-repository", check: composeFiles },
  { name: "compose-lists-filled", check: emptyEntries },
];

/** `target`, `ready: healthcheck` and `setup[].service` mean nothing for a process. */
function keysOfContainers({ written, config }: RuleInput): Finding[] {
  const found: Finding[] = [];
  for (const [name, entry] of Object.entries(written.services ?? {})) {
    const service = spelledOut(entry);
    const path = ["services", name];
    if (isContainer(written, service)) {
      if (service.target !== undefined && !isPort(service.target)) {
        const message = `services.${name}.target must be a port of the container, from 1 to 65535, not ${service.target}.`;
        found.push({ path: [...path, "target"], message, hint: "Write the port that the service listens on inside of its container." });
      }
      continue;
    }
    if (service.target !== undefined) {
      const message = `services.${name}.target is a port of a container, but services.${name} has a command of its own and runs on the host.`;
      found.push({ path: [...path, "target"], at: "key", message, hint: "Remove it; a process listens on $PORT." });
    }
    if (service.ready === "healthcheck") {
      const message = `services.${name}.ready is \`healthcheck\`, but services.${name} is a process, which has none.`;
      found.push({ path: [...path, "ready"], message, hint: "Use a path, `ready: { tcp: true }`, or `ready: { command: … }`." });
    }
  }
  for (const { path, step } of writtenSteps(written)) {
    if (typeof step === "string" || step.service === undefined || config.runtime === "compose") continue;
    const message = `${formatPath(path)}.service names a container to run in, but the runtime is not Compose.`;
    found.push({ path: [...path, "service"], at: "key", message, hint: "Add `runtime: compose`, or remove `service`." });
  }
  return found;
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 65_535;
}

function composeFiles({ written }: RuleInput): Finding[] {
  return entries(["compose", "files"], written.compose?.files).flatMap(({ path, text }): Finding[] => {
    const clean = cleanPath(text);
    const leaves = text.startsWith("/") || text.startsWith("~") || clean === ".." || clean.startsWith("../");
    if (!leaves) return [];
    const message = `${formatPath(path)} \`${text}\` leads out of the repository.`;
    return [{ path, message, hint: "Use a path relative to the top of the worktree." }];
  });
}

function emptyEntries({ written }: RuleInput): Finding[] {
  return (["files", "profiles", "shared", "shared_volumes", "allow"] as const).flatMap((key) =>
    entries(["compose", key], written.compose?.[key])
      .filter(({ text }) => text.trim() === "" || text.includes("\0"))
      .map(({ path }) => ({ path, message: `${formatPath(path)} is empty.`, hint: "Remove it, or write what is meant." })),
  );
}

function entries(path: KeyPath, written: string | string[] | undefined): { path: KeyPath; text: string }[] {
  return listOf(written).map((text, index) => ({ path: Array.isArray(written) ? [...path, index] : path, text }));
}
