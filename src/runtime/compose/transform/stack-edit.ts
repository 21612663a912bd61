// What every rule works with: the model under change, the request, and where to say no.
import type { JsonValue } from "../../../errors/wt-error.ts";
import { labels } from "../labels.ts";
import { type ComposeModel, type ComposeObject, listOf, objectOf } from "./compose-model.ts";
import { createModelEditor, type ModelEditor, type Shown } from "./model-editor.ts";
import type { PrivatePlaces } from "./private-place.ts";
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
  /** Further names by which shared services are known to those of this stack. */
  readonly sharedNames: { service: string; alias: string }[];
}

export function createStackEdit(original: ComposeModel, request: TransformRequest): StackEdit {
  return { request, original, editor: createModelEditor(original), refusals: [], warnings: [], sharedNames: [] };
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

/** Whether the service is one of this stack. */
export function isKept(stack: StackEdit, service: string): boolean {
  return stack.request.services.includes(service) && Object.hasOwn(stack.original.services, service);
}

/** Keys of the networks that a service is in; `default` where it names none. */
export function networksOf(service: Readonly<ComposeObject>): string[] {
  if (service.network_mode !== undefined && service.network_mode !== null) return [];
  if (Array.isArray(service.networks)) return service.networks.map(String);
  const keys = Object.keys(objectOf(service.networks));
  return keys.length === 0 ? ["default"] : keys;
}

/** Lets a service answer to a name in one of its networks, besides its own. */
export function addAlias(stack: StackEdit, place: { service: string; network: string; rule: RewriteRule }, alias: string): void {
  const { service, network, rule } = place;
  const aliases = listOf(objectOf(objectOf(serviceOf(stack, service)?.networks)[network]).aliases);
  if (alias === service || aliases.includes(alias)) return;
  editService(stack, { service, key: ["networks", network, "aliases"], rule }, [...aliases, alias]);
}

/** The service whose container was to have this fixed name. */
export function serviceByContainerName(stack: StackEdit, name: string): string | null {
  return Object.entries(stack.original.services).find(([, service]) => service.container_name === name)?.[0] ?? null;
}

/** Sets a key of a service (`["networks", "front", "aliases"]`), or removes it with `undefined`. */
export function editService(stack: StackEdit, place: ServicePlace, value: JsonValue | undefined): void {
  const { service, key, rule, shown } = place;
  stack.editor.edit({ path: ["services", service, ...key], value, rule, ...(shown ? { shown } : {}) });
}

export interface ServicePlace {
  service: string;
  key: readonly string[];
  rule: RewriteRule;
  shown?: Shown;
}

export interface Objection {
  rule: RefusalRule;
  service: string | null;
  /** Place in the service or the file. */
  key: string;
  /** What exactly is accepted, where the key alone would say too little: `/var/run/docker.sock`. The first way to write it is proposed, all are taken. */
  details?: readonly string[];
  message: string;
  /** True: no `compose.allow` helps. */
  final?: boolean;
}

/** Refuses, unless the request allows it. True when it is allowed. */
export function refuse(stack: StackEdit, objection: Objection): boolean {
  const { rule, service, key, details, message } = objection;
  const place = service === null ? key : `${service}.${key}`;
  const accepted = details === undefined ? [place] : details.map((detail) => `${place}:${detail}`);
  if (!objection.final && accepted.some((text) => stack.request.allow.includes(text))) return true;
  stack.refusals.push({ rule, service, key, message, allow: objection.final ? null : (accepted[0] ?? place) });
  return false;
}

export function privatePlaces({ request }: StackEdit): PrivatePlaces {
  return { home: request.home ?? null, own: request.own ?? [] };
}

export function warn(stack: StackEdit, warning: { rule: WarningRule; service: string | null; key: string; message: string }): void {
  stack.warnings.push(warning);
}

export function wtLabels(request: TransformRequest, service: string | null): { [label: string]: string } {
  return {
    [labels.environment]: request.environmentId,
    [labels.nonce]: request.nonce,
    [labels.project]: request.wtProject,
    [labels.role]: request.role,
    [labels.slug]: request.slug,
    ...(service === null ? {} : { [labels.service]: service }),
  };
}

/** Labels written as a list keep their values. */
export function labelsOf(written: JsonValue | undefined): WtLabels {
  const pairs = listOf(written).map((label) => {
    const [key = "", ...value] = String(label).split("=");
    return [key, value.join("=")] as const;
  });
  return { ...objectOf(written), ...Object.fromEntries(pairs) };
}
