// What every rule works with: the model under change, the request, and where to say no.
import type { JsonValue } from "../../../errors/wt-error.ts";
import { type ComposeModel, type ComposeObject, listOf, objectOf } from "./compose-model.ts";
import { createModelEditor, type ModelEditor } from "./model-editor.ts";
import type { RefusalRule, RewriteRule, WarningRule } from "./rules.ts";
import type { TransformRequest, WtLabels } from "./transform-request.ts";
import type { Refusal, TransformWarning } from "./transform-result.ts";

export interface StackEdit {
  readonly request: TransformRequest;
  /** As it came in. */
  readonly original: ComposeModel;
  readonly editor: ModelEditor;
  readonly refusals: Refusal[];
  readonly warnings: TransformWarning[];
}

export function createStackEdit(original: ComposeModel, request: TransformRequest): StackEdit {
  return { request, original, editor: createModelEditor(original), refusals: [], warnings: [] };
}

/** The services that are left, by name, as they are now. */
export function servicesOf(stack: StackEdit): [string, Readonly<ComposeObject>][] {
  return Object.entries(stack.editor.model.services);
}

export function serviceOf(stack: StackEdit, name: string): Readonly<ComposeObject> | null {
  return Object.hasOwn(stack.editor.model.services, name) ? objectOf(stack.editor.model.services[name]) : null;
}

/** A top-level section such as `networks`, as it is now. */
export function sectionOf(stack: StackEdit, section: "networks" | "volumes" | "secrets" | "configs"): [string, Readonly<ComposeObject>][] {
  return Object.entries(objectOf(stack.editor.model[section])).map(([key, value]) => [key, objectOf(value)]);
}

export function isShared(stack: StackEdit, service: string): boolean {
  return stack.request.shared.includes(service);
}

/** Sets a key of a service (`["networks", "front", "aliases"]`), or removes it with `undefined`. */
export function editService(stack: StackEdit, place: ServicePlace, value: JsonValue | undefined): void {
  stack.editor.edit({ path: ["services", place.service, ...place.key], value, rule: place.rule });
}

export interface ServicePlace {
  service: string;
  key: readonly string[];
  rule: RewriteRule;
}

export interface Objection {
  rule: RefusalRule;
  service: string | null;
  /** Place in the service or the file. */
  key: string;
  /** What exactly is accepted, where the key alone would say too little: `/var/run/docker.sock`. */
  detail?: string;
  message: string;
  /** True: no `compose.allow` helps. */
  final?: boolean;
}

/** Refuses, unless the request allows it. True when it is allowed. */
export function refuse(stack: StackEdit, objection: Objection): boolean {
  const { rule, service, key, detail, message } = objection;
  const allow = objection.final ? null : `${service === null ? "" : `${service}.`}${key}${detail === undefined ? "" : `:${detail}`}`;
  if (allow !== null && stack.request.allow.includes(allow)) return true;
  stack.refusals.push({ rule, service, key, message, allow });
  return false;
}

export function warn(stack: StackEdit, warning: { rule: WarningRule; service: string | null; key: string; message: string }): void {
  stack.warnings.push(warning);
}

/** Our labels, over whatever of the same name is there. Labels written as a list keep their values. */
export function withLabels(stack: StackEdit, labels: JsonValue | undefined, service: string | null): WtLabels {
  return { ...labelsOf(labels), ...wtLabels(stack.request, service) };
}

export function wtLabels(request: TransformRequest, service: string | null): { [label: string]: string } {
  return {
    "dev.wt.environment": request.environmentId,
    "dev.wt.nonce": request.nonce,
    "dev.wt.project": request.project,
    "dev.wt.role": request.role,
    "dev.wt.slug": request.slug,
    ...(service === null ? {} : { "dev.wt.service": service }),
  };
}

function labelsOf(labels: JsonValue | undefined): WtLabels {
  const pairs = listOf(labels).map((label) => {
    const [key = "", ...value] = String(label).split("=");
    return [key, value.join("=")] as const;
  });
  return { ...objectOf(labels), ...Object.fromEntries(pairs) };
}
