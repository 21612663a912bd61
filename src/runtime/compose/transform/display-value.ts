import type { JsonValue } from "../../../errors/wt-error.ts";
import { isObject, textOf } from "./compose-model.ts";

const longest = 160;

/** A value of a compose file in one line, as people write it; null for what is not there. */
export function displayValue(key: string, value: JsonValue | undefined): string | null {
  if (value === undefined) return null;
  const text = key.endsWith("ports") && Array.isArray(value) ? value.map(displayPort).join(", ") : plainText(value);
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

function plainText(value: JsonValue): string {
  if (typeof value === "string") return value === "" ? '""' : value;
  if (Array.isArray(value)) return value.length === 0 ? "[]" : value.map(plainText).join(", ");
  if (!isObject(value)) return String(value);
  const parts = Object.entries(value).map(([key, part]) => `${key}: ${isObject(part) ? `{ ${plainText(part)} }` : plainText(part)}`);
  return parts.length === 0 ? "{}" : parts.join(", ");
}

/** `127.0.0.1:8000:80/udp` for what `config` writes as an object. */
function displayPort(port: JsonValue): string {
  if (!isObject(port)) return plainText(port);
  const target = textOf(port.target) ?? "?";
  const published = textOf(port.published);
  const address = textOf(port.host_ip);
  const host = address === null ? (published ?? "") : `${address}:${published ?? ""}`;
  const protocol = textOf(port.protocol);
  return `${host === "" ? "" : `${host}:`}${target}${protocol === null || protocol === "tcp" ? "" : `/${protocol}`}`;
}
