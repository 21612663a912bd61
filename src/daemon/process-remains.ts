import { WtError } from "../errors/wt-error.ts";
import type { RuntimeDriver, ServiceInstance } from "../runtime/runtime-driver.ts";
import { spokenName } from "./shared-names.ts";

/** `message`: what of ours could not be ended, in sentences. */
export function processRemains(message: string): WtError {
  return new WtError({
    kind: "machine",
    code: "process_remains",
    message,
    hints: ["Run `wt doctor` to see what is left, end it by hand, then try again."],
  });
}

interface Stuck {
  name: string;
  instance: ServiceInstance | null;
  status: { reason: string | null };
}

/** `services_unseen` where nobody can tell whether they run, else `process_remains`. */
export async function couldNotStop(driver: RuntimeDriver, stuck: readonly Stuck[]): Promise<WtError> {
  const looks = await Promise.all(stuck.map(({ instance }) => (instance ? driver.observe(instance) : null)));
  const unseen = looks.flatMap((look) => (look?.state === "unknown" ? [look.reason] : []));
  if (unseen.length < stuck.length) {
    const because = ({ name, status: { reason } }: Stuck) => `${spokenName(name)} could not be stopped: ${reason ?? "a process remains"}`;
    return processRemains(stuck.map(because).join(" "));
  }
  return new WtError({
    kind: "machine",
    code: "services_unseen",
    message: `${stuck.map(({ name }) => spokenName(name)).join(" and ")} could not be stopped. ${[...new Set(unseen)].join(" ")}`,
    hints: ["Mend that, then try again; `wt doctor` says what is wrong."],
  });
}
