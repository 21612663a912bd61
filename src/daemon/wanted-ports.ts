// Which port leases of an environment are still wanted, by the name each is kept under: `web`, `web:9229` (a further port of a container), `resource:db`,
// `shared:db:5432`.
import { isSharedName } from "./shared-names.ts";

export function isPortWanted(name: string, wanted: { services: ReadonlySet<string>; resources: ReadonlySet<string> }): boolean {
  const cut = name.indexOf(":");
  if (cut === -1) return wanted.services.has(name);
  // Those of the shared stack go with it.
  if (isSharedName(name)) return true;
  const [owner, rest] = [name.slice(0, cut), name.slice(cut + 1)];
  return owner === "resource" ? wanted.resources.has(rest) : wanted.services.has(owner);
}
