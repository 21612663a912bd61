// What wt.yaml says, held against the compose files. Nothing is reported while those have not been read.
import { type Finding, formatPath, type KeyPath } from "../check-written.ts";
import { closest } from "../closest.ts";
import { clonedServices, serviceName } from "../compose/cloned-services.ts";
import type { ComposeOutline } from "../compose/compose-outline.ts";
import { isContainer, listOf, spelledOut, writtenSteps } from "../normalize.ts";
import type { Rule, RuleInput } from "../rules.ts";

interface Read extends RuleInput {
  outline: ComposeOutline;
}

const onceRead = (check: (input: Read) => Finding[]): Rule["check"] => {
  return ({ outline, ...input }) => (outline && input.config.compose ? check({ ...input, outline }) : []);
};

export const composeOutlineRules: readonly Rule[] = [
  { name: "compose-files-present", check: onceRead(filesPresent) },
  { name: "variable-files-inside-repository", check: onceRead(variableFilesKnown) },
  { name: "shared-services-known", check: onceRead(sharedKnown) },
  { name: "shared-volumes-known", check: onceRead(volumesKnown) },
  { name: "containers-in-compose-file", check: onceRead(containersKnown) },
  { name: "container-names-unique", check: onceRead(namesUnique) },
  { name: "container-targets-known", check: onceRead(targetsKnown) },
  { name: "setup-services-known", check: onceRead(setupServices) },
  { name: "resource-services-shared", check: onceRead(resourceServices) },
];

function filesPresent({ written, outline }: Read): Finding[] {
  const files = written.compose?.files;
  if (outline.composeFiles.length + outline.absent.length === 0) {
    const message = "The runtime is Compose, but the top of the repository has no compose file (compose.yaml, docker-compose.yml …).";
    return [{ path: ["runtime"], message, hint: "Name it: `compose: { files: docker/compose.yaml }`." }];
  }
  return listOf(files).flatMap((text, index): Finding[] => {
    if (!outline.absent.some((path) => path === text || path === text.replace(/^\.\//, ""))) return [];
    const path: KeyPath = ["compose", "files", ...(Array.isArray(files) ? [index] : [])];
    return [
      { path, message: `${formatPath(path)} \`${text}\` is not a file of the repository.`, hint: "Correct the path, or add the file." },
    ];
  });
}

/** Compose reads such a file before anybody can look at what it made of it. */
function variableFilesKnown({ config, outline }: Read): Finding[] {
  const file = outline.composeFiles.join(", ");
  return outline.services
    .filter(({ active }) => active)
    .flatMap(({ name, unknownFiles }): Finding[] =>
      unknownFiles.flatMap(({ key, text }): Finding[] => {
        const accepted = `${name}.${key}:${text}`;
        if (config.compose?.allow.includes(accepted)) return [];
        const why = text.includes("$") ? "whoever sets that variable would choose the file" : "it leads out of the repository";
        const message = `${name} of ${file} has the ${key} \`${text}\`, and nobody could approve what it says: ${why}.`;
        return [
          {
            path: ["runtime"],
            message,
            hint: `Write the path of a file of the repository, or accept it: \`compose: { allow: [${JSON.stringify(accepted)}] }\`.`,
          },
        ];
      }),
    );
}

/** What is wrong with the name of a service of the compose file; null: nothing. */
function unusable(name: string, outline: ComposeOutline): { message: string; hint: string } | null {
  const service = outline.services.find((one) => one.name === name);
  const file = outline.composeFiles.join(", ");
  if (!service) {
    const names = outline.services.map((one) => one.name);
    const meant = closest(name, names);
    const hint = meant ? `Did you mean \`${meant}\`?` : names.length > 0 ? `There are: ${names.join(", ")}.` : "It has no services.";
    return { message: `is not a service of ${file}`, hint };
  }
  if (service.active) return null;
  if (service.profiles.length === 0) return { message: `has no copies in ${file}`, hint: "Give it at least one there, or remove it here." };
  const message = `only runs with ${service.profiles.length === 1 ? "the profile" : "one of the profiles"} ${service.profiles.join(", ")}`;
  return { message, hint: `Add \`profiles: [${service.profiles[0]}]\` below \`compose\`.` };
}

function sharedKnown({ written, outline }: Read): Finding[] {
  const shared = written.compose?.shared;
  const names = listOf(shared);
  return names.flatMap((name, index): Finding[] => {
    const path: KeyPath = ["compose", "shared", ...(Array.isArray(shared) ? [index] : [])];
    const wrong = unusable(name, outline);
    if (wrong) return [{ path, message: `compose.shared names \`${name}\`, which ${wrong.message}.`, hint: wrong.hint }];
    const needs = outline.services.find((one) => one.name === name)?.dependsOn ?? [];
    const cloned = needs.find(
      ({ service }) => !names.includes(service) && outline.services.some((one) => one.name === service && one.active),
    );
    if (!cloned) return [];
    const message = `compose.shared names \`${name}\`, which depends on \`${cloned.service}\`, and that one runs in every environment.`;
    return [{ path, message, hint: `Share \`${cloned.service}\` too, or take \`${name}\` out.` }];
  });
}

function volumesKnown({ written, outline }: Read): Finding[] {
  const volumes = written.compose?.shared_volumes;
  return listOf(volumes).flatMap((name, index): Finding[] => {
    if (outline.volumes.includes(name)) return [];
    const path: KeyPath = ["compose", "shared_volumes", ...(Array.isArray(volumes) ? [index] : [])];
    const meant = closest(name, outline.volumes);
    const there = outline.volumes.length === 0 ? "It has none." : `There are: ${outline.volumes.join(", ")}.`;
    const message = `compose.shared_volumes names \`${name}\`, which is not under \`volumes\` of ${outline.composeFiles.join(", ")}.`;
    return [{ path, message, hint: meant ? `Did you mean \`${meant}\`?` : there }];
  });
}

function containersKnown({ written, config, outline }: Read): Finding[] {
  const cloned = clonedOf(config, outline);
  return Object.entries(written.services ?? {}).flatMap(([name, entry]): Finding[] => {
    if (!isContainer(written, spelledOut(entry)) || cloned.has(name)) return [];
    const path = ["services", name];
    const named = outline.services.find((service) => serviceName(service.name) === name)?.name ?? name;
    if (config.compose?.shared.includes(named)) {
      const message = `services.${name} is shared by all environments (compose.shared), so it has no keys of its own here.`;
      return [{ path, at: "key", message, hint: `Remove services.${name}, or take it out of \`compose.shared\`.` }];
    }
    // Its name was refused already; the rule about names knows a better one.
    if (serviceName(name) !== name) return [];
    const wrong = unusable(named, outline);
    if (!wrong) return [];
    const message = `services.${name} has no \`run\`, and ${named} ${wrong.message}.`;
    return [{ path, at: "key", message, hint: `${wrong.hint} A process needs \`run\`.` }];
  });
}

function clonedOf(config: Read["config"], outline: ComposeOutline): ReturnType<typeof clonedServices> {
  const processes = new Set(config.services.filter((service) => !service.container).map((service) => service.name));
  return clonedServices(outline, config.compose ?? { shared: [] }, processes);
}

function namesUnique({ config, outline }: Read): Finding[] {
  const cloned = clonedOf(config, outline);
  return outline.services.flatMap((service): Finding[] => {
    const name = serviceName(service.name);
    const owner = cloned.get(name);
    if (!service.active || !owner || owner.name === service.name || config.compose?.shared.includes(service.name)) return [];
    const message = `The services ${owner.name} and ${service.name} of ${outline.composeFiles.join(", ")} would both be called ${name}.`;
    return [{ path: ["runtime"], message, hint: "Rename one of them in the compose file." }];
  });
}

/** A port number that comes from a variable is Compose's to know; a port that nobody names is not. */
function targetsKnown({ written, config, outline }: Read): Finding[] {
  const cloned = clonedOf(config, outline);
  return config.services.flatMap((service): Finding[] => {
    const { container, name } = service;
    const outlined = cloned.get(name);
    if (!container || !outlined || container.target !== null || service.port.kind === "none" || outlined.publishes) return [];
    const entry = spelledOut(written.services?.[name] ?? {});
    const key = (["route", "port", "ready"] as const).find((one) => entry[one] !== undefined);
    const message = `services.${name} is to be reached, but ${outline.composeFiles.join(", ")} names no port of ${container.service}.`;
    const hint = `Write \`target:\` with the port that it listens on inside of its container.`;
    return [{ path: ["services", name, ...(key ? [key] : [])], at: "key", message, hint }];
  });
}

function setupServices({ written, config, outline }: Read): Finding[] {
  const containers = config.services.filter((service) => service.container);
  return writtenSteps(written).flatMap(({ path, step }): Finding[] => {
    const name = typeof step === "string" ? undefined : step.service;
    if (name === undefined || containers.some((service) => service.name === name || service.container?.service === name)) return [];
    const at = { path: [...path, "service"] };
    const subject = `${formatPath(path)}.service names \`${name}\`, which`;
    if (config.compose?.shared.includes(name))
      return [{ ...at, message: `${subject} is shared by all environments.`, hint: "Name a service that runs in the environment." }];
    const wrong = unusable(name, outline) ?? { message: "is a process", hint: "Remove `service`: the step then runs on the host, too." };
    return [{ ...at, message: `${subject} ${wrong.message}.`, hint: wrong.hint }];
  });
}

function resourceServices({ config, outline }: Read): Finding[] {
  return Object.entries(config.resources).flatMap(([name, { service, options }]): Finding[] => {
    if (service === undefined) return [];
    const other = (["server", "url", "remote", "branch"] as const).find((key) => key in options);
    if (other) {
      const message = `resources.${name} has both \`service\` and \`${other}\`, but it can only be in one place.`;
      return [{ path: ["resources", name, other], at: "key", message, hint: "Keep one of them." }];
    }
    if (config.compose?.shared.includes(service)) return [];
    const wrong = unusable(service, outline);
    const message = `resources.${name}.service names \`${service}\`, which ${wrong?.message ?? "runs in every environment"}.`;
    const hint =
      wrong?.hint ?? `Add \`${service}\` to \`compose.shared\`, or remove resources.${name}: each environment has that server for itself.`;
    return [{ path: ["resources", name, "service"], message, hint }];
  });
}
