// Subnets that this machine routes somewhere, so that networks of ours take none of them.
import { readFile } from "node:fs/promises";

/** In CIDR notation; the default route is left out, also one in halves, as a VPN has it that takes all traffic. Empty where the system does not tell: there, containers live in a machine of their own. */
export async function readRoutes(): Promise<string[]> {
  try {
    return parseRoutes(await readFile("/proc/net/route", "utf8"));
  } catch {
    return [];
  }
}

/** 10.0.0.0/8: no private range is wider. */
const widestPrivate = 8;

/** Addresses and masks of `/proc/net/route` are hexadecimal in the byte order of the machine (little endian). */
export function parseRoutes(text: string): string[] {
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const [, destination = "", , , , , , mask = ""] = line.trim().split(/\s+/);
      if (!/^[0-9A-F]{8}$/i.test(destination) || !/^[0-9A-F]{8}$/i.test(mask) || mask === "00000000") return [];
      const address = bytesOf(destination).join(".");
      const bits = bytesOf(mask)
        .map((byte) => byte.toString(2).replaceAll("0", "").length)
        .reduce((sum, count) => sum + count, 0);
      return bits < widestPrivate ? [] : [`${address}/${bits}`];
    });
}

function bytesOf(hex: string): number[] {
  return [6, 4, 2, 0].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
}
