import { type ComposeObject, isObject, listOf, objectOf, textOf } from "../compose-model.ts";
import { editService, isKept, isShared, type StackEdit, serviceOf, servicesOf, warn } from "../stack-edit.ts";
import { refuseMissing } from "./join-namespaces.ts";

/** Keys of a build that write to where another environment's build writes too. */
const outputs = ["tags", "cache_to"] as const;

/**
 * What is built gets the name that Compose itself gives, `<project>-<service>`. It is never pulled: a stranger could have published that name.
 */
export function ownImages(stack: StackEdit): void {
  const builders = buildersOf(stack);
  for (const [service, { build, image }] of servicesOf(stack)) {
    const reference = textOf(image);
    if (build !== undefined && build !== null) ownBuild(stack, service);
    else if (reference !== null) useBuilt(stack, { service, reference }, builders.get(plainReference(reference)) ?? []);
  }
}

/** The name Compose gives to what a service builds. */
export function builtImage(project: string, service: string): string {
  return `${project}-${service}`;
}

function buildersOf(stack: StackEdit): Map<string, string[]> {
  const builders = new Map<string, string[]>();
  for (const [service, { build, image }] of Object.entries(stack.original.services)) {
    const reference = textOf(image);
    if (build === undefined || build === null || reference === null) continue;
    const key = plainReference(reference);
    builders.set(key, [...(builders.get(key) ?? []), service]);
  }
  return builders;
}

function ownBuild(stack: StackEdit, service: string): void {
  editService(stack, { service, key: ["image"], rule: "image" }, builtImage(stack.request.project, service));
  editService(stack, { service, key: ["pull_policy"], rule: "pull-policy" }, "never");
  const build = objectOf(serviceOf(stack, service)?.build);
  for (const key of outputs) {
    const shown = { from: key === "tags" ? listOf(build.tags).join(", ") : `${listOf(build[key]).length} of them`, to: null };
    editService(stack, { service, key: ["build", key], rule: "build-output", shown }, undefined);
  }
  if (listOf(build.platforms).length > 1) editService(stack, { service, key: ["build", "platforms"], rule: "platforms" }, undefined);
  for (const [name, context] of Object.entries(objectOf(build.additional_contexts)))
    followContext(stack, { service, name }, textOf(context) ?? "");
}

/** `additional_contexts: { base: "service:base" }`. */
function followContext(stack: StackEdit, place: { service: string; name: string }, context: string): void {
  const other = /^service:(.+)$/.exec(context)?.[1];
  if (other === undefined || isKept(stack, other)) return;
  const key = ["build", "additional_contexts", place.name];
  if (isShared(stack, other) && isObject(stack.original.services[other]?.build)) {
    const value = `docker-image://${builtImage(stack.request.sharedProject, other)}`;
    editService(stack, { service: place.service, key, rule: "image" }, value);
  } else {
    refuseMissing(stack, { service: place.service, key: key.join(".") }, other);
  }
}

/** A service that runs what another one builds runs this stack's build of it. */
function useBuilt(stack: StackEdit, user: { service: string; reference: string }, builders: readonly string[]): void {
  const { service, reference } = user;
  const here = builders.find((builder) => isKept(stack, builder));
  const shared = builders.find((builder) => isShared(stack, builder));
  const [builder] = builders;
  if (builder === undefined) return;
  if (here === undefined && (shared === undefined || stack.request.role === "shared")) {
    const message = `${service} runs ${reference}, which ${builder} builds; ${builder} is not in this stack, so the image must be there already.`;
    warn(stack, { rule: "image-not-built", service, key: "image", message });
    return;
  }
  const image = here === undefined ? builtImage(stack.request.sharedProject, shared ?? builder) : builtImage(stack.request.project, here);
  editService(stack, { service, key: ["image"], rule: "image" }, image);
  editService(stack, { service, key: ["pull_policy"], rule: "pull-policy" }, "never");
}

/** `acme/shop`, `docker.io/acme/shop` and `acme/shop:latest` are one. */
function plainReference(reference: string): string {
  const short = reference.replace(/^(docker\.io|index\.docker\.io)\//, "").replace(/^library\//, "");
  return /[:@][^/]*$/.test(short) ? short : `${short}:latest`;
}

export function isBuilt(service: Readonly<ComposeObject>): boolean {
  return service.build !== undefined && service.build !== null;
}
