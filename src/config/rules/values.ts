import { type Finding, formatPath, type KeyPath } from "../check-written.ts";
import { closest } from "../closest.ts";
import type { Config, ResourceConfig } from "../config.ts";
import { parseDurationMs } from "../duration.ts";
import { listOf, spelledOut, writtenHooks, writtenSteps } from "../normalize.ts";
import { exampleOptions, isMainShared, ownOptions } from "../resource-references.ts";
import type { Rule } from "../rules.ts";
import type { WrittenReadyProbe, WrittenService } from "../schema.ts";

const eachService = (check: (service: WrittenService, path: string[]) => Finding[]): Rule["check"] => {
  return ({ written }) =>
    Object.entries(written.services ?? {}).flatMap(([name, service]) => check(spelledOut(service), ["services", name]));
};

/** As a driver will see it: resolved, and as the main worktree has it where everybody shares that one. */
function asChecked(resource: ResourceConfig, config: Config): ResourceConfig {
  const own = exampleOptions(resource, config);
  const options = resource.service === undefined ? own : { ...own, server: exampleServer(resource.type) };
  return { ...resource, options: isMainShared(resource) ? ownOptions(options) : options };
}

/** In the place of a shared service, whose address nobody knows yet. */
function exampleServer(type: string): string {
  return type === "redis" ? "redis://localhost:6379" : `${type === "postgres" ? "postgres" : "mysql"}://name:secret@localhost/name`;
}

/** Whose drivers have `fork`. */
const forkableTypes: readonly string[] = ["postgres", "mysql", "mariadb", "sqlite", "redis", "directory"];

export const valueRules: readonly Rule[] = [
  {
    name: "runtime-supported",
    check: ({ written }) =>
      written.runtime === "kubernetes"
        ? [
            {
              path: ["runtime"],
              message: "runtime `kubernetes` is not in this version of wt, which runs services as processes or containers of Compose.",
              hint: "Write `runtime: process` or `runtime: compose`, or remove the key.",
            },
          ]
        : [],
  },
  {
    name: "undelete-days",
    check: ({ written }) => {
      const days = written.undelete_days;
      if (days === undefined || (Number.isFinite(days) && days >= 0 && days <= 365)) return [];
      const hint = "Write 7 for a week, or 0 to keep nothing.";
      return [{ path: ["undelete_days"], message: `undelete_days must be a number of days from 0 to 365, not ${days}.`, hint }];
    },
  },
  {
    name: "resource-forks",
    check: ({ written, config }) =>
      Object.entries(written.resources ?? {}).flatMap(([name, { type, from }]): Finding[] => {
        if (typeof from !== "object" || from === null || Array.isArray(from)) return [];
        const path = ["resources", name, "from"];
        const fork = config.resources[name]?.fork;
        const hint = "Write `from: { environment: main }`, or the slug of an environment that `wt list` shows.";
        if (!fork) return [{ path, message: `resources.${name}.from must name an environment: \`{ environment: <slug> }\`.`, hint }];
        if (!/^[a-z0-9][a-z0-9-]{0,39}$/.test(fork)) {
          return [{ path, message: `resources.${name}.from: an environment cannot be called ${JSON.stringify(fork)}.`, hint }];
        }
        if (forkableTypes.includes(type)) return [];
        const message = `resources.${name}.from: a resource of type ${type} cannot begin as a fork of another environment's.`;
        return [{ path, message, hint: `Those of type ${forkableTypes.join(", ")} can.` }];
      }),
  },
  {
    name: "resource-types-supported",
    check: ({ written, resourceTypes }) =>
      Object.entries(written.resources ?? {}).flatMap(([name, { type }]): Finding[] => {
        if (resourceTypes.includes(type) || type === "") return [];
        if (resourceTypes.length === 0) {
          const hint = `Remove resources.${name} and pass the address of a server that runs already through \`env\`.`;
          return [
            { path: ["resources", name], at: "key", message: `resources.${name} is a resource, and this version of wt has none.`, hint },
          ];
        }
        const meant = closest(type, resourceTypes);
        const hint = meant ? `Did you mean \`${meant}\`?` : `Known types: ${resourceTypes.join(", ")}.`;
        return [
          {
            path: ["resources", name, "type"],
            message: `resources.${name}.type \`${type}\` is not a kind of resource this version of wt has.`,
            hint,
          },
        ];
      }),
  },
  {
    name: "resource-options-valid",
    check: ({ config, resourceTypes, resourceProblems }) =>
      Object.entries(config.resources)
        .filter(([, { type }]) => resourceTypes.includes(type))
        .flatMap(([name, resource]) =>
          resourceProblems(asChecked(resource, config)).map(({ key, message, hint }): Finding => {
            const written = key in resource.options;
            const path = written ? ["resources", name, key] : ["resources", name];
            return { path, at: "key", message: `resources.${name}.${message}`, ...(hint === null ? {} : { hint }) };
          }),
        ),
  },
  {
    name: "commands-not-empty",
    check: ({ written }) => [
      ...[...writtenSteps(written), ...writtenHooks(written.hooks)].flatMap(({ path, step }) =>
        typeof step === "string" ? command(path, step) : command([...path, "run"], step.run),
      ),
      ...Object.entries(written.services ?? {}).flatMap(([name, service]) =>
        typeof service === "string" ? command(["services", name], service) : command(["services", name, "run"], service.run ?? "true"),
      ),
    ],
  },
  {
    name: "durations",
    check: eachService((service, path) => [
      ...duration([...path, "timeout"], service.timeout, 1),
      ...duration([...path, "stop", "grace"], service.stop?.grace, 0),
    ]),
  },
  {
    name: "success-codes",
    check: eachService((service, path) =>
      listOf(service.success_codes).flatMap((code, index): Finding[] => {
        if (Number.isInteger(code) && code >= 0 && code <= 255) return [];
        const at: KeyPath = [...path, "success_codes", ...(Array.isArray(service.success_codes) ? [index] : [])];
        return [
          {
            path: at,
            message: `services.${path[1]}.success_codes holds ${code}, but exit codes are whole numbers from 0 to 255.`,
            hint: "Example: `success_codes: [130, 143]`.",
          },
        ];
      }),
    ),
  },
  { name: "ready-probe", check: eachService((service, path) => probe(service.ready, [...path, "ready"])) },
  {
    name: "metrics-later",
    check: eachService((service, path) =>
      service.metrics
        ? [
            {
              path: [...path, "metrics"],
              message: `services.${path[1]}.metrics has no effect in this version of wt.`,
              hint: "It may stay for later versions.",
              level: "warning",
            },
          ]
        : [],
    ),
  },
  {
    name: "something-to-run",
    check: ({ config }) =>
      config.services.length > 0
        ? []
        : [
            {
              path: [],
              message: "The file has no services, so environments will run nothing.",
              hint: "Add one under `services`.",
              level: "warning",
            },
          ],
  },
];

function command(path: KeyPath, text: string): Finding[] {
  const where = path[0] === "services" ? `services.${path[1]}.run` : formatPath(path.filter((part) => part !== "run"));
  if (text.trim() === "") return [{ path, message: `${where} is an empty command.`, hint: "Write a shell command." }];
  return text.includes("\0") ? [{ path, message: `${where} holds a NUL character, which no command can.`, hint: "Remove it." }] : [];
}

function duration(path: string[], written: string | number | undefined, leastMs: number): Finding[] {
  if (written === undefined) return [];
  const ms = parseDurationMs(written);
  if (ms !== null && ms >= leastMs) return [];
  return [
    {
      path,
      message: `${path.join(".")} \`${written}\` is not a duration between ${leastMs === 0 ? "0" : "1ms"} and 24h.`,
      hint: "Write it like `30s`, `2m`, `500ms`, or as a number of seconds.",
    },
  ];
}

function probe(ready: WrittenService["ready"], path: string[]): Finding[] {
  const at = path.join(".");
  if (ready === undefined || ready === "none" || ready === "healthcheck" || ready === "completed") return [];
  if (typeof ready === "string") {
    if (ready.startsWith("/")) return [];
    const hint = /^(true|yes|tcp)$/.test(ready)
      ? "Write `ready: { tcp: true }`."
      : "For a command write `ready: { command: … }`, for a line of the log `ready: { log: … }`.";
    return [
      {
        path,
        message: `${at} \`${ready}\` is neither a path that begins with \`/\` nor one of \`healthcheck\`, \`completed\`, \`none\`.`,
        hint,
      },
    ];
  }
  const kinds = (["http", "tcp", "log", "command"] as const).filter((kind) => ready[kind] !== undefined && ready[kind] !== false);
  if (kinds.length !== 1) {
    const message = kinds.length === 0 ? `${at} says nothing to wait for.` : `${at} has ${kinds.join(" and ")}, but only one can decide.`;
    return [{ path, message, hint: "Keep one of `http`, `tcp`, `log`, `command`." }];
  }
  return probeDetails(ready, path);
}

function probeDetails(ready: WrittenReadyProbe, path: string[]): Finding[] {
  const at = path.join(".");
  const found: Finding[] = [];
  if (ready.http !== undefined && (!ready.http.startsWith("/") || /\s/.test(ready.http))) {
    found.push({
      path: [...path, "http"],
      message: `${at}.http \`${ready.http}\` is not a path that begins with \`/\`.`,
      hint: "Write it like `/healthz`.",
    });
  }
  if (ready.status !== undefined && ready.http === undefined) {
    found.push({ path: [...path, "status"], message: `${at}.status only goes with \`http\`.`, hint: "Remove it." });
  } else if (ready.status !== undefined && !(Number.isInteger(ready.status) && ready.status >= 100 && ready.status <= 599)) {
    found.push({
      path: [...path, "status"],
      message: `${at}.status ${ready.status} is not an HTTP status.`,
      hint: "Write a whole number from 100 to 599.",
    });
  }
  if (ready.command?.trim() === "")
    found.push({ path: [...path, "command"], message: `${at}.command is an empty command.`, hint: "Write a shell command." });
  const reason = ready.log === undefined ? null : patternProblem(ready.log);
  if (reason)
    found.push({
      path: [...path, "log"],
      message: `${at}.log is not a regular expression: ${reason}.`,
      hint: "Escape ( ) [ ] { } . * + ? ^ $ | with a backslash to mean them literally.",
    });
  return found;
}

function patternProblem(pattern: string): string | null {
  try {
    new RegExp(pattern);
    return null;
  } catch (error) {
    return (error instanceof Error ? error.message : String(error)).replace(/^Invalid regular expression:?\s*/i, "").replace(/\.$/, "");
  }
}
