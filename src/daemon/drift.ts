// How an environment's databases stand to those of the main worktree: from what is known, refreshed where that takes a moment and wakes nobody.
import type { DriftView } from "../api/content.ts";
import type { DoctorFinding } from "../api/operations.ts";
import { compareContent, summaryOf } from "../environment/compare-content.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import type { ResourceContent } from "../resource/resource-driver.ts";
import type { SeenSchema } from "./drift-memory.ts";
import { driverOf, type LeasedResource, leasedResources } from "./resources.ts";
import type { World } from "./world.ts";

/** A look that takes longer goes on for the next one who asks. */
export const statusDriftMs = 100;
const doctorDriftMs = 1_000;
/** A server that hangs must not be waited for until the daemon ends. */
const longestLookMs = 30_000;

/** null for what is no database of its own, and where there is nothing to say. Never longer than the deadline, never an error. */
export async function driftOf(world: World, one: LeasedResource, deadlineMs: number): Promise<DriftView | null> {
  const driver = driverOf(world, one.type);
  if (one.connection === null || (!driver.inspect && !driver.inputsChanged)) return null;
  const deadline = world.clock.sleep(deadlineMs).then(() => null);
  const main = counterpart(world, one);
  const inputs = Promise.resolve(driver.inputsChanged?.(one.spec) ?? null).catch(() => null);
  const [inputsChanged, own, other] = await Promise.all([
    Promise.race([inputs, deadline]),
    main ? known(world, one, deadline) : null,
    main ? known(world, main, deadline) : null,
  ]);
  if (!own || !other) return inputsChanged === null ? null : { changes: null, asOf: null, inputsChanged };
  const { objects } = compareContent(asContent(other.schema), asContent(own.schema));
  const sinceMs = Math.min(
    own.current ? Number.POSITIVE_INFINITY : own.schema.atMs,
    other.current ? Number.POSITIVE_INFINITY : other.schema.atMs,
  );
  return { changes: summaryOf(objects), asOf: Number.isFinite(sinceMs) ? new Date(sinceMs).toISOString() : null, inputsChanged };
}

/** Keeps what was just read of it anyway. */
export async function rememberSchema(
  world: World,
  one: LeasedResource,
  read: { content: ResourceContent; mark: string | null },
): Promise<SeenSchema> {
  return world.drift.keep(one.spec.environmentId, one.spec.name, { ...read, atMs: world.clock.now() });
}

/** Looks at the main worktree's after its content was made, while it is awake: the others are compared with it. Not waited for. */
export function noteMainSchema(world: World, environmentId: string, name: string): void {
  const leased = leasedResources(world, environmentId).find(({ spec }) => spec.name === name);
  if (leased?.spec.main && driverOf(world, leased.type).inspect) void look(world, leased).catch(() => null);
}

export async function driftFindings(world: World, environment: EnvironmentRecord): Promise<DoctorFinding[]> {
  const { slug } = environment;
  const found = await Promise.all(
    leasedResources(world, environment.id).map(async (one): Promise<DoctorFinding[]> => {
      const drift = await driftOf(world, one, doctorDriftMs).catch(() => null);
      const { name } = one.spec;
      const findings: DoctorFinding[] = [];
      if (drift?.changes) {
        const asOf = drift.asOf === null ? "" : ` (as of ${drift.asOf})`;
        const message = `The schema of ${name} in ${slug} differs from main's: ${drift.changes}${asOf}.`;
        findings.push({ code: "schema_drift", level: "ok", message, fix: `wt db diff ${slug}` });
      }
      if (drift?.inputsChanged) {
        const message = `Files that ${name} of ${slug} was made from changed since; migrations may be pending.`;
        findings.push({ code: "migrations_pending", level: "warning", message, fix: `wt db reset ${name} -e ${slug}` });
      }
      return findings;
    }),
  );
  return found.flat();
}

/** The main worktree's resource of the same name and type; null for the main worktree itself. */
function counterpart(world: World, { spec, type, connection }: LeasedResource): LeasedResource | null {
  if (spec.main || !driverOf(world, type).inspect) return null;
  const projectId = world.ledger.environment(spec.environmentId)?.projectId;
  const main = world.ledger.environments().find((one) => one.main && one.projectId === projectId);
  const same = main ? leasedResources(world, main.id).find((one) => one.spec.name === spec.name && one.type === type) : undefined;
  if (!same || same.connection === null) return null;
  // One that everybody shares is the same one.
  const { url } = same.connection.values;
  return url !== undefined && url === connection?.values.url ? null : same;
}

interface Known {
  schema: SeenSchema;
  /** It is like this now. */
  current: boolean;
}

async function known(world: World, one: LeasedResource, deadline: Promise<null>): Promise<Known | null> {
  const { environmentId, name } = one.spec;
  const fresh = look(world, one).catch(() => null);
  const schema = await Promise.race([fresh, deadline]);
  if (schema) return { schema, current: true };
  const last = await world.drift.seen(environmentId, name);
  return last ? { schema: last, current: false } : null;
}

/** null: it sleeps. */
function look(world: World, one: LeasedResource): Promise<SeenSchema | null> {
  const { environmentId, name } = one.spec;
  return world.drift.once(environmentId, name, async () => {
    const driver = driverOf(world, one.type);
    // Before the look: what is written meanwhile shows in the next mark.
    const mark = (await driver.contentMark?.(one.spec)) ?? null;
    const last = await world.drift.seen(environmentId, name);
    if (last && mark !== null && last.mark === mark) return last;
    const how = { rows: false, wake: false, abort: AbortSignal.timeout(longestLookMs) };
    const content = (await driver.inspect?.(one.spec, how)) ?? null;
    return content ? rememberSchema(world, one, { content, mark }) : null;
  });
}

function asContent({ objects }: SeenSchema): ResourceContent {
  return { version: "", objects, rows: [] };
}
