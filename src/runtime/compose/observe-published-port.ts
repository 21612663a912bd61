import type { ContainerDetails } from "../../os/docker-engine.ts";
import { readListeners } from "../../os/listeners.ts";
import { readNamespaceListening } from "../../os/namespace-listeners.ts";
import { readCommand, readSocketHolder } from "../../os/ports.ts";
import type { ListenerObservation } from "../runtime-driver.ts";

/**
 * Who serves `port` of the host, seen from a container. The engine accepts connections on a published port as soon as the container runs; so it counts as ours only once
 * something listens inside, where that can be seen.
 */
export async function observePublishedPort(details: ContainerDetails | null, port: number): Promise<ListenerObservation> {
  const listeners = await readListeners(port);
  const published = details?.State.Running ? publishedOn(details, port) : null;
  // The engine's own listener (where it has one at all) is on the published address; whoever else listens takes a part of the requests.
  const foreign = (listeners ?? []).filter(({ address }) => published === null || !sameAddress(address, published.hostIp));
  if (foreign.length > 0) {
    const pid = await readSocketHolder(foreign, []);
    return { owner: "foreign", pid, command: pid === null ? null : await readCommand(pid) };
  }
  if (!details || published === null) return listeners === null ? { owner: "unknown" } : { owner: "nobody" };
  const inside = readNamespaceListening(details.State.Pid, details.Id, published.target);
  if (inside === "loopback") return { owner: "nobody", loopbackOnly: true };
  return inside === "nobody" ? { owner: "nobody" } : { owner: "ours", pid: null };
}

function publishedOn(details: ContainerDetails, port: number): { target: number; hostIp: string } | null {
  for (const [key, bindings] of Object.entries(details.NetworkSettings.Ports ?? {})) {
    const binding = bindings?.find((each) => Number(each.HostPort) === port);
    if (binding && key.endsWith("/tcp")) return { target: Number.parseInt(key, 10), hostIp: binding.HostIp || "0.0.0.0" };
  }
  return null;
}

/** `kernel`: as `/proc/net/tcp` writes it, or the tool of another system. */
function sameAddress(kernel: string, hostIp: string): boolean {
  if (!/^[0-9A-F]{8}$/.test(kernel)) return kernel.startsWith(`${hostIp}:`) || kernel === hostIp || kernel.startsWith("*");
  const little = hostIp
    .split(".")
    .reverse()
    .map((part) => Number(part).toString(16).padStart(2, "0"))
    .join("");
  return kernel === little.toUpperCase();
}
