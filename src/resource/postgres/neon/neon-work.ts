// What every verb about a branch at Neon begins with: the options, the API with its key, and what is there of ours.
import { WtError } from "../../../errors/wt-error.ts";
import type { Clock } from "../../../os/clock.ts";
import type { ResourceCall, ResourceConnection, ResourceSpec } from "../../resource-driver.ts";
import { connectionOf } from "../connection.ts";
import { postgresOptions } from "../postgres-options.ts";
import { sharedLogin } from "../shared-database.ts";
import { createNeonApi, type NeonApi, type NeonBranch, type NeonEndpoint } from "./neon-api.ts";
import { type OwnBranches, readOwn, type Waiting } from "./neon-branches.ts";
import { createKeyRing } from "./neon-key.ts";
import type { Limits } from "./neon-link.ts";
import { type NeonNotes, readNotes } from "./neon-notes.ts";
import type { RemoteOptions } from "./neon-options.ts";

export interface NeonDatabaseOptions {
  clock: Clock;
  /** The daemon's own variables, where the key may be. */
  env: Readonly<Record<string, string>>;
  configDirectory: string | null;
  /** Only tests have another than Neon's. */
  apiUrl?: string;
  pollMs?: number;
}

export interface Work {
  spec: ResourceSpec;
  options: RemoteOptions;
  api: NeonApi;
  waiting: Waiting;
  call: ResourceCall | null;
}

export type Begin = (spec: ResourceSpec, how: { call?: ResourceCall; forMs?: number }) => Promise<Work>;

const neonApiUrl = "https://console.neon.tech/api/v2";
const longMs = 5 * 60_000;

/** Gives what `Work` a verb needs. Throws `WtError` where the key is not known. */
export function createBegin({ clock, env, configDirectory, apiUrl = neonApiUrl, pollMs = 500 }: NeonDatabaseOptions): Begin {
  const keys = createKeyRing({ env, configDirectory });
  return async (spec, { call, forMs = longMs }) => {
    const options = remoteOptions(spec);
    const place = `resources.${spec.name}`;
    keys.remember(options.keyVariable, call?.env);
    const key = await keys.find(options.keyVariable, place);
    const at = { apiUrl, key, keyVariable: options.keyVariable, project: options.project, place, clock, pollMs };
    const limits: Limits = { untilMs: clock.now() + forMs, ...(call ? { abort: call.abort } : {}) };
    return { spec, options, api: createNeonApi(at), waiting: { limits, report: call?.report ?? quiet }, call: call ?? null };
  };
}

export async function ownOf({ api, spec, waiting }: Work, notes: NeonNotes | null): Promise<OwnBranches> {
  const own = await readOwn(api, spec, { id: notes?.branchId ?? null, limits: waiting.limits });
  if (!own.foreign) return own;
  throw new WtError({
    kind: "refused",
    code: "database_foreign",
    message: `${api.at.place}: there is a branch ${spec.label} in the project ${api.at.project} that is not ours.`,
    hints: ["Nothing was changed. Rename or delete it in Neon's console if it is no longer needed."],
  });
}

export async function wholeOf(work: Work): Promise<{ main: NeonBranch; own: OwnBranches; notes: NeonNotes }> {
  const notes = await readNotes(work.spec);
  const own = await ownOf(work, notes);
  if (own.main && notes?.complete && notes.pending === null) return { main: own.main, own, notes };
  throw new WtError({
    kind: "not_found",
    code: "database_absent",
    message: `The branch ${work.spec.label} at Neon ${own.main ? "is not whole" : "does not exist"}.`,
    hints: ["Run `wt up`."],
  });
}

/** The branch's own compute; null: it has none. */
export async function endpointOf({ api, waiting }: Work, branchId: string): Promise<NeonEndpoint | null> {
  return (await api.endpoints(branchId, waiting.limits)).find((endpoint) => endpoint.type === "read_write") ?? null;
}

/** Cleaning up has its own time and is not aborted. */
export function cleaning({ api, waiting }: Work): Waiting {
  return { limits: { untilMs: api.at.clock.now() + longMs }, report: waiting.report };
}

export function connect(spec: ResourceSpec, notes: NeonNotes): ResourceConnection {
  return connectionOf(sharedLogin(notes.url ?? ""), remoteOptions(spec).variable);
}

export function remoteOptions(spec: ResourceSpec): RemoteOptions {
  const options = postgresOptions(spec.options);
  if (options.mode !== "remote") throw new Error(`the resource ${spec.name} is not remote`);
  return options;
}

function quiet(): void {
  // Nobody waits for progress.
}
