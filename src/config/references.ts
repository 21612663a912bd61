// `${{ services.backend.url }}` in values of wt.yaml. `$${{` is a literal `${{`; the shell's own `$PORT` is left alone.
import { WtError } from "../errors/wt-error.ts";

export const serviceKeys = ["url", "port", "host", "public_url"] as const;
export const environmentKeys = ["slug", "branch", "path", "url", "slot", "id", "host"] as const;
export type ServiceKey = (typeof serviceKeys)[number];
export type EnvironmentKey = (typeof environmentKeys)[number];

export type ReferenceTarget =
  /** `url`: `http://127.0.0.1:<port>`, for calls between services. `public_url`: through the gateway. `host`: its host name there. */
  | { kind: "service"; name: string; key: ServiceKey }
  | { kind: "env"; key: EnvironmentKey }
  | { kind: "resource"; name: string; key: string };

interface Place {
  /** As written: `${{ env.slug }}`. */
  text: string;
  start: number;
  end: number;
}
export type Reference = Place & (ReferenceTarget | { kind: "invalid"; reason: string; hint: string });

/** The value, or null when there is none (a port of a worker, the branch of a detached HEAD). */
export type ReferenceLookup = (target: ReferenceTarget) => string | null;

/** Every reference in a text, in order, the malformed ones included. */
export function findReferences(text: string): Reference[] {
  return segments(text).flatMap((segment) => (segment.kind === "reference" ? [segment.reference] : []));
}

/** The text with every reference replaced. Throws `WtError` (`config`) that names `key` (`services.backend.env.API`). For commands use `resolveCommandReferences`. */
export function resolveReferences(text: string, lookup: ReferenceLookup, key = "a value"): string {
  return segments(text)
    .map((segment) => (segment.kind === "text" ? segment.text : resolveReference(segment.reference, lookup, key)))
    .join("");
}

export type Segment = { kind: "text"; text: string } | { kind: "reference"; reference: Reference };

/** A text cut into plain parts (escapes undone) and references. */
export function segments(text: string): Segment[] {
  const found: Segment[] = [];
  let from = 0;
  for (;;) {
    const open = text.indexOf("$" + "{{", from);
    if (open === -1) break;
    if (open > from && text[open - 1] === "$") {
      found.push({ kind: "text", text: `${text.slice(from, open - 1)}$\{{` });
      from = open + 3;
      continue;
    }
    const close = text.indexOf("}}", open + 3);
    const end = close === -1 ? text.length : close + 2;
    found.push({ kind: "text", text: text.slice(from, open) });
    const inner = text.slice(open + 3, close === -1 ? text.length : close);
    found.push({
      kind: "reference",
      reference: {
        text: text.slice(open, end),
        start: open,
        end,
        ...(close === -1 ? unclosed : parseTarget(inner.trim())),
      },
    });
    from = end;
  }
  found.push({ kind: "text", text: text.slice(from) });
  return found.filter((segment) => segment.kind === "reference" || segment.text !== "");
}

export function resolveReference(reference: Reference, lookup: ReferenceLookup, key: string): string {
  if (reference.kind === "invalid") throw unresolved(`${key} holds ${reference.text}, and ${reference.reason}.`, reference.hint);
  const value = lookup(reference);
  if (value === null) {
    throw unresolved(`${key} asks for ${reference.text}, which has no value here.`, "Remove the reference, or give the service a port.");
  }
  return value;
}

function unresolved(message: string, hint: string): WtError {
  return new WtError({ kind: "config", code: "reference_unresolved", message, hints: [hint] });
}

type Target = ReferenceTarget | { kind: "invalid"; reason: string; hint: string };

const unclosed: Target = {
  kind: "invalid",
  reason: "it is not closed",
  hint: "Close it with }}, or write $$" + "{{ for a literal $" + "{{.",
};

const forms = `Use services.<name>.<${serviceKeys.join("|")}>, env.<${environmentKeys.join("|")}> or resources.<name>.<key>.`;

function parseTarget(inner: string): Target {
  const parts = inner.split(".");
  const [head, first = "", second = ""] = parts;
  if (!parts.every((part) => /^[\w-]+$/.test(part))) return { kind: "invalid", reason: `"${inner}" is not a reference`, hint: forms };
  if (head === "env" && parts.length === 2) {
    const known = environmentKeys.find((candidate) => candidate === first);
    if (known) return { kind: "env", key: known };
    return { kind: "invalid", reason: `env has no "${first}"`, hint: `It has ${environmentKeys.join(", ")}.` };
  }
  if (head === "services" && parts.length === 3) {
    const known = serviceKeys.find((candidate) => candidate === second);
    if (known) return { kind: "service", name: first, key: known };
    return { kind: "invalid", reason: `a service has no "${second}"`, hint: `It has ${serviceKeys.join(", ")}.` };
  }
  if (head === "resources" && parts.length === 3) return { kind: "resource", name: first, key: second };
  return { kind: "invalid", reason: `"${inner}" is not a reference`, hint: forms };
}
