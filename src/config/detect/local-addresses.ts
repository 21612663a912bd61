// Variables of a compose file that name another service by its port on this machine, such as where pages find their scripts.
import { serviceName } from "../compose/cloned-services.ts";
import type { ComposeServiceOutline } from "../compose/compose-outline.ts";
import type { DetectedService } from "./part.ts";

/** Variable → what it is in an environment; empty: nothing has to be said. `answering`: services with a URL of their own. */
export function localAddresses(
  one: ComposeServiceOutline,
  { all, answering }: { all: readonly ComposeServiceOutline[]; answering: readonly DetectedService[] },
): Record<string, string> {
  const named = new Set(answering.map(({ name }) => name));
  const holders = new Map(
    all.flatMap(({ name, hostPorts }) => (named.has(serviceName(name)) ? hostPorts.map((port) => [port, name]) : [])),
  );
  const found: Record<string, string> = {};
  for (const [key, written] of Object.entries(one.environment)) {
    let led = false;
    const value = written.replace(/https?:\/\/(?:localhost|127\.0\.0\.1):(\d+)/g, (address, port) => {
      const holder = holders.get(Number(port));
      led ||= holder !== undefined;
      return holder === undefined ? address : `\${{ services.${serviceName(String(holder))}.public_url }}`;
    });
    // What is left of variables nobody here can tell.
    if (led && !/\$(?!\{\{)/.test(value)) found[key] = value;
  }
  return found;
}
