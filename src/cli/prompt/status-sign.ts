import type { EnvironmentStatus } from "../../api/environment.ts";
import type { EnvironmentOverview } from "../../api/overview.ts";
import type { Paint } from "../paint.ts";
import { statePaint } from "../render/state-paint.ts";

const signs: Record<EnvironmentStatus, [unicode: string, ascii: string]> = {
  Healthy: ["●", "+"],
  Starting: ["◐", "~"],
  Creating: ["◐", "~"],
  Deleting: ["◌", "~"],
  Degraded: ["▲", "!"],
  Incomplete: ["▲", "!"],
  Missing: ["▲", "!"],
  Unknown: ["▲", "!"],
  Stopped: ["○", "-"],
};

/** One column that says how an environment is. */
export function statusSign(status: EnvironmentStatus, unicode: boolean): string {
  return (signs[status] ?? ["?", "?"])[unicode ? 0 : 1];
}

/** `spike ● waiting`: the name, how it is where it has anything that could be well or not, and its agent where that is news. */
export function environmentLabel(
  { slug, status, agent, services, resources }: EnvironmentOverview,
  { paint, unicode, withAgent }: { paint: Paint; unicode: boolean; withAgent: boolean },
): string {
  const idle = services.length + resources.length === 0 && (status === "Healthy" || status === "Stopped");
  const parts = [paint.bold(slug), ...(idle ? [] : [statePaint(status, paint)(statusSign(status, unicode))])];
  if (withAgent && agent !== null && agent !== "gone") parts.push(agent === "waiting" ? paint.warning(agent) : paint.dim(agent));
  return parts.join(" ");
}
