// What a fork may begin with.
import { WtError } from "../errors/wt-error.ts";
import type { ResourceObservation, ResourceSpec } from "./resource-driver.ts";

/** Throws `WtError` unless the source is made and works. */
export function requireForkable(source: ResourceSpec, seen: ResourceObservation): void {
  if (seen.state === "ready" || seen.state === "asleep") return;
  const why = "reason" in seen ? `: ${seen.reason.replace(/\.$/, "")}` : "";
  throw new WtError({
    kind: seen.state === "absent" ? "not_found" : "refused",
    code: "fork_source",
    message:
      seen.state === "absent"
        ? `There is no ${source.name} to begin with: it was not made yet.`
        : `${source.name} cannot be begun with, because it is ${seen.state}${why}.`,
    hints: ["See what there is: wt db list"],
    details: { resource: source.name, environmentId: source.environmentId, state: seen.state },
  });
}
