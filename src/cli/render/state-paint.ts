import type { EnvironmentStatus, ServiceState } from "../../api/environment.ts";
import type { ResourceState } from "../../api/resources.ts";
import type { Paint } from "../paint.ts";

/** The colour of a state: green works, yellow is on its way, red needs a person, dim is off on purpose. */
export function statePaint(state: EnvironmentStatus | ServiceState | ResourceState, paint: Paint): (text: string) => string {
  switch (state) {
    case "Healthy":
    case "Running":
    case "Completed":
    case "Ready":
      return paint.good;
    case "Starting":
    case "Waiting":
    case "Creating":
    case "Restarting":
    case "Shared":
      return paint.warning;
    case "Degraded":
    case "CrashLoopBackOff":
    case "Failed":
    case "Incomplete":
    case "Missing":
    case "Unknown":
    case "Broken":
    case "Foreign":
    case "Absent":
      return paint.bad;
    case "Stopped":
    case "Stopping":
    case "Deleting":
    case "Asleep":
      return paint.dim;
    default:
      return (text) => text;
  }
}
