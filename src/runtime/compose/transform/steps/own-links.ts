import type { JsonValue } from "../../../../errors/wt-error.ts";
import { listOf, textOf } from "../compose-model.ts";
import {
  addAlias,
  editService,
  isKept,
  isShared,
  networksOf,
  refuse,
  type StackEdit,
  serviceByContainerName,
  serviceOf,
  servicesOf,
} from "../stack-edit.ts";
import { warnLeftOut } from "./keep-services.ts";

/** `links` and `external_links`: what they point to keeps its name, as an alias where the link itself cannot be. */
export function ownLinks(stack: StackEdit): void {
  for (const [service, { links, external_links }] of servicesOf(stack)) {
    const keep = (entries: readonly JsonValue[], key: "links" | "external_links") => {
      const left = entries.filter((entry) => (key === "links" ? keepsLink : keepsExternalLink)(stack, service, String(entry)));
      if (left.length === entries.length) return;
      editService(stack, { service, key: [key], rule: "link" }, left.length === 0 ? undefined : left);
    };
    keep(listOf(links), "links");
    keep(listOf(external_links), "external_links");
  }
}

function keepsLink(stack: StackEdit, service: string, link: string): boolean {
  const { target, alias } = parseLink(link);
  if (isKept(stack, target)) return true;
  if (isShared(stack, target)) stack.sharedNames.push({ service: target, alias });
  else warnLeftOut(stack, { service, key: "links" }, target);
  return false;
}

function keepsExternalLink(stack: StackEdit, service: string, link: string): boolean {
  const { target, alias } = parseLink(link);
  const known = serviceByContainerName(stack, target);
  if (known !== null && isKept(stack, known)) {
    for (const network of networksOf(serviceOf(stack, known) ?? {})) addAlias(stack, { service: known, network, rule: "link" }, alias);
    return false;
  }
  if (known !== null && isShared(stack, known)) {
    stack.sharedNames.push({ service: known, alias });
    return false;
  }
  const message = `${service} links to the container ${target}, which is not of this project; every environment would use the same one.`;
  refuse(stack, { rule: "external-link", service, key: "external_links", details: [target], message });
  return true;
}

function parseLink(link: string): { target: string; alias: string } {
  const [target = "", alias] = link.split(":");
  return { target, alias: textOf(alias) ?? target };
}
