// A compose project as the repository wrote it → the same project as one stack of many on this machine. Pure.
import { type ComposeModel, objectOf, textOf } from "./compose-model.ts";
import { mountsOf } from "./mounts.ts";
import { sharedAliases } from "./shared-aliases.ts";
import { createStackEdit, type StackEdit, sectionOf, servicesOf } from "./stack-edit.ts";
import { checkBuilds } from "./steps/check-build.ts";
import { checkMounts } from "./steps/check-mounts.ts";
import { checkPortsInVariables } from "./steps/check-ports-in-variables.ts";
import { checkPrivileges } from "./steps/check-privileges.ts";
import { checkReadiness } from "./steps/check-readiness.ts";
import { dropUnused } from "./steps/drop-unused.ts";
import { joinNamespaces } from "./steps/join-namespaces.ts";
import { keepServices } from "./steps/keep-services.ts";
import { labelEverything } from "./steps/label-everything.ts";
import { hasContainer, ownContainers } from "./steps/own-containers.ts";
import { builtImage, isBuilt, ownImages } from "./steps/own-images.ts";
import { ownLinks } from "./steps/own-links.ts";
import { ownNetworks } from "./steps/own-networks.ts";
import { ownVolumes, sharedVolumesOf } from "./steps/own-volumes.ts";
import { publishPorts } from "./steps/publish-ports.ts";
import { setVariables } from "./steps/set-variables.ts";
import type { TransformRequest } from "./transform-request.ts";
import type { BindMount, StackNames, TransformResult } from "./transform-result.ts";

/**
 * In this order: what is left out is not looked at again; whose network a service is in is settled before names and ports need it; networks
 * that come to be get names and labels like all others.
 */
const steps: readonly ((stack: StackEdit) => void)[] = [
  keepServices,
  joinNamespaces,
  ownLinks,
  dropUnused,
  ownContainers,
  publishPorts,
  ownNetworks,
  ownVolumes,
  ownImages,
  checkMounts,
  checkBuilds,
  checkPrivileges,
  checkReadiness,
  setVariables,
  checkPortsInVariables,
  labelEverything,
];

/**
 * Never throws for what a compose file says: what cannot be is a refusal in the result. `model` is what `parseComposeModel` gave, read with
 * all profiles that are needed for `request.services`.
 */
export function transformModel(model: ComposeModel, request: TransformRequest): TransformResult {
  const stack = createStackEdit(model, request);
  for (const step of steps) step(stack);
  const aliases = sharedAliases(stack);
  return {
    model: stack.editor.model,
    rewrites: [...stack.editor.rewrites],
    refusals: stack.refusals,
    warnings: stack.warnings,
    names: namesOf(stack),
    sharedVolumes: sharedVolumesOf(stack),
    aliases,
    binds: bindsOf(stack),
    shellVariables: shellVariablesOf(stack),
  };
}

function namesOf(stack: StackEdit): StackNames {
  const { project, role, sharedVolumes } = stack.request;
  const services = servicesOf(stack);
  return {
    containers: services.flatMap(([service]) => (hasContainer(stack, service) ? [{ service, name: `${project}-${service}-1` }] : [])),
    networks: sectionOf(stack, "networks").map(([key, network]) => ({
      key,
      name: String(network.name ?? key),
      made: network.external !== true,
    })),
    volumes: sectionOf(stack, "volumes").map(([key, volume]) => {
      const foreign = volume.external === true && (role === "shared" || stack.original.volumes?.[key]?.external === true);
      const scope = foreign ? "foreign" : role === "shared" || sharedVolumes.includes(key) ? "shared" : "environment";
      return { key, name: String(volume.name ?? key), scope };
    }),
    images: services.flatMap(([service, definition]) => (isBuilt(definition) ? [{ service, name: builtImage(project, service) }] : [])),
  };
}

function bindsOf(stack: StackEdit): BindMount[] {
  return servicesOf(stack).flatMap(([service, definition]) =>
    mountsOf(definition).flatMap(({ type, source, target, readOnly }) =>
      type === "bind" && source !== null ? [{ service, source, target, readOnly }] : [],
    ),
  );
}

function shellVariablesOf(stack: StackEdit): string[] {
  const files = [...sectionOf(stack, "secrets"), ...sectionOf(stack, "configs")].flatMap(
    ([, { environment }]) => textOf(environment) ?? [],
  );
  const open = servicesOf(stack).flatMap(([, { environment }]) =>
    Object.entries(objectOf(environment)).flatMap(([key, value]) => (value === null ? [key] : [])),
  );
  return [...new Set([...files, ...open])].sort();
}
