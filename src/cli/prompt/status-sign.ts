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
  Stopped: ["○", "-"],
};

/** One column that says how an environment is. */
export function statusSign(status: EnvironmentStatus, unicode: boolean): string {
  return (signs[status] ?? ["?", "?"])[unicode ? 0 : 1];
}

/** `spike ● waiting`: the name, how it is, and its agent where that is news. */
export function environmentLabel(
  { slug, status, agent }: EnvironmentOverview,
  { paint, unicode, withAgent }: { paint: Paint; unicode: boolean; withAgent: boolean },
): string {
  const parts = [paint.bold(slug), statePaint(status, paint)(statusSign(status, unicode))];
  if (withAgent && agent !== null && agent !== "gone") parts.push(agent === "waiting" ? paint.warning(agent) : paint.dim(agent));
  return parts.join(" ");
}
