// Resources that exist and that wt.yaml describes no more: another kind under the same name, or nothing. Their content is never given up unasked.

import { isMainShared } from "../config/resource-references.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { type JsonValue, WtError } from "../errors/wt-error.ts";
import type { EnvironmentSession } from "./environment-session.ts";
import type { Call } from "./journaled-run.ts";
import { wantedOptions } from "./resource-options.ts";
import { driverOf, type LeasedResource, leasedResources, removeResource } from "./resources.ts";
import type { World } from "./world.ts";

export interface ChangedResource {
  leased: LeasedResource;
  /** What it was made as, and what wt.yaml says now; null when it says nothing. */
  was: string;
  now: string | null;
}

/** What exists and is not what wt.yaml says. */
export function changedResources(world: World, session: EnvironmentSession): ChangedResource[] {
  return leasedResources(world, session.environment.id).flatMap((leased): ChangedResource[] => {
    const { type, spec } = leased;
    const written = session.config.resources[spec.name];
    if (!written) return [{ leased, was: type, now: null }];
    if (written.type !== type) return [{ leased, was: type, now: written.type }];
    const identity = driverOf(world, type).identity;
    const [was, now] = [identity?.(spec.options), identityNow(world, session, spec.name)];
    return was === undefined || now === null || was === now ? [] : [{ leased, was, now }];
  });
}

/** null while it cannot be told: it refers to what is not made yet, or its options are wrong. */
function identityNow(world: World, session: EnvironmentSession, name: string): string | null {
  const written = session.config.resources[name];
  const driver = written ? driverOf(world, written.type) : undefined;
  if (!written || !driver?.identity) return null;
  try {
    const parsed = driver.parseOptions(wantedOptions(world, session, name));
    return "options" in parsed ? driver.identity(parsed.options) : null;
  } catch (error) {
    // The main worktree has none yet, so what this one leads to is gone.
    if (isMainShared(written)) return "the main worktree's";
    if (WtError.from(error).kind === "internal") throw error;
    return null;
  }
}

/**
 * Before an environment is brought up: what was never made, or has no content of its own, makes room for what wt.yaml says now; what is in use
 * no more is named. Throws `WtError` (`refused`, `resource_changed`) with the commands that decide what becomes of the content of anything else.
 */
export async function settleChangedResources(world: World, session: EnvironmentSession, call: Call): Promise<void> {
  const { environment } = session;
  for (const changed of changedResources(world, session)) {
    const { leased, now } = changed;
    const { name } = leased.spec;
    if (now === null)
      call.emit({ type: "note", message: `${stillThere(environment, changed)} Remove it: ${removeCommand(environment, name)}` });
    else if (await isEmptyHanded(world, leased)) await removeResource(world, environment, name);
    else throw resourceChanged(environment, changed);
  }
}

async function isEmptyHanded(world: World, leased: LeasedResource): Promise<boolean> {
  if (leased.connection === null) return true;
  return (await driverOf(world, leased.type).observe(leased.spec)).state === "shared";
}

/** One sentence. */
export function stillThere(environment: EnvironmentRecord, { leased }: ChangedResource): string {
  const { name } = leased.spec;
  return `${name} (${leased.type}) of ${environment.slug} is not in wt.yaml any more, but it is still there with its content.`;
}

export function resourceChanged(environment: EnvironmentRecord, { leased, was, now }: ChangedResource): WtError {
  const { name } = leased.spec;
  const details: { [key: string]: JsonValue } = { environment: environment.slug, resource: name, was, now };
  return new WtError({
    kind: "refused",
    code: "resource_changed",
    message:
      now === null
        ? `${name} of ${environment.slug} is not in wt.yaml any more, so nothing says how to make it.`
        : `${name} of ${environment.slug} was made as ${was}, and wt.yaml says ${now} now.`,
    hints:
      now === null
        ? [`Remove it with its content: ${removeCommand(environment, name)}`]
        : [
            `To keep the content, write resources.${name} in wt.yaml as it was.`,
            `To give it up: ${removeCommand(environment, name)}, then wt up -e ${environment.slug}`,
          ],
    details,
  });
}

export function removeCommand({ slug }: EnvironmentRecord, name: string): string {
  return `wt db remove ${name} -e ${slug}`;
}
