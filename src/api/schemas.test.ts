import { expect, test } from "bun:test";
import * as v from "valibot";
import { WtError } from "../errors/wt-error.ts";
import type { AgentList } from "./agents.ts";
import type { CheckpointDiff, WholeCheckpointList, WholeCheckpointResult, WholeRestoreResult } from "./checkpoints.ts";
import type { DiffDocument, DumpResult } from "./content.ts";
import type { DeletedList, UndeleteResult } from "./deleted.ts";
import type { CreateResult, EnvironmentDocument, EnvironmentList, HereDocument } from "./environment.ts";
import type { GcReport, PinResult } from "./gc.ts";
import type { IsolationReport } from "./isolation.ts";
import type * as keptSchemas from "./kept-schemas.ts";
import type { DoctorReport, ErrorBody, LogLine, TrustView, VariablesResult } from "./operations.ts";
import type { PoolList } from "./pool.ts";
import type { poolList } from "./pool-schemas.ts";
import type { CheckpointList, CheckpointResult, ResourceConnectionView, ResourceDocument, ResourceList } from "./resources.ts";
import * as schemas from "./schemas.ts";
import type * as stackSchemas from "./stack-schemas.ts";
import type { ExplainDocument, SharedDocument } from "./stacks.ts";
import type { GarbageReport, TemplateBuildResult, TemplateList, TemplateRemoveResult } from "./templates.ts";

// The compiler is the test: a field that an interface has and its schema has not (or the other way round) does not compile.
type Plain<T> = T extends object ? { [Key in keyof T]: Plain<T[Key]> } : T;
type Same<A, B> = (<T>() => T extends Plain<A> ? 1 : 2) extends <T>() => T extends Plain<B> ? 1 : 2 ? true : never;
type Output<Schema extends v.GenericSchema> = v.InferOutput<Schema>;
const list: Same<EnvironmentList, Output<typeof schemas.environmentList>> = true;
const document: Same<EnvironmentDocument, Output<typeof schemas.environmentDocument>> = true;
const created: Same<CreateResult, Output<typeof schemas.createResult>> = true;
const here: Same<HereDocument, Output<typeof schemas.hereDocument>> = true;
const agents: Same<AgentList, Output<typeof schemas.agentList>> = true;
const logs: Same<LogLine, Output<typeof schemas.logLine>> = true;
const variables: Same<VariablesResult, Output<typeof schemas.variablesResult>> = true;
const trust: Same<TrustView, Output<typeof schemas.trustView>> = true;
const doctor: Same<DoctorReport, Output<typeof schemas.doctorReport>> = true;
const isolation: Same<IsolationReport, Output<typeof schemas.isolationReport>> = true;
const resources: Same<ResourceList, Output<typeof schemas.resourceList>> = true;
const connection: Same<ResourceConnectionView, Output<typeof schemas.resourceConnection>> = true;
const worked: Same<ResourceDocument, Output<typeof schemas.resourceDocument>> = true;
const kept: Same<CheckpointResult, Output<typeof schemas.checkpointResult>> = true;
const checkpoints: Same<CheckpointList, Output<typeof schemas.checkpointList>> = true;
const diff: Same<DiffDocument, Output<typeof schemas.diffDocument>> = true;
const dumped: Same<DumpResult, Output<typeof schemas.dumpResult>> = true;
const templates: Same<TemplateList, Output<typeof schemas.templateList>> = true;
const templateBuilt: Same<TemplateBuildResult, Output<typeof schemas.templateBuildResult>> = true;
const templateRemoved: Same<TemplateRemoveResult, Output<typeof schemas.templateRemoveResult>> = true;
const gc: Same<GcReport, Output<typeof schemas.gcReport>> = true;
const explained: Same<ExplainDocument, Output<typeof stackSchemas.explainDocument>> = true;
const shared: Same<SharedDocument, Output<typeof stackSchemas.sharedDocument>> = true;
const pin: Same<PinResult, Output<typeof schemas.pinResult>> = true;
const deletedOnes: Same<DeletedList, Output<typeof keptSchemas.deletedList>> = true;
const undeleted: Same<UndeleteResult, Output<typeof schemas.undeleteResult>> = true;
const whole: Same<WholeCheckpointResult, Output<typeof keptSchemas.wholeCheckpointResult>> = true;
const wholes: Same<WholeCheckpointList, Output<typeof keptSchemas.wholeCheckpointList>> = true;
const restored: Same<WholeRestoreResult, Output<typeof keptSchemas.wholeRestoreResult>> = true;
const since: Same<CheckpointDiff, Output<typeof keptSchemas.checkpointDiff>> = true;
const pool: Same<PoolList, Output<typeof poolList>> = true;
const garbage: Same<GarbageReport, Output<typeof schemas.garbageReport>> = true;
const error: Same<ErrorBody["error"]["kind"], Output<typeof schemas.errorBody>["error"]["kind"]> = true;
const errorKeys: Same<keyof ErrorBody["error"], keyof Output<typeof schemas.errorBody>["error"]> = true;

test("each schema has the type of its interface", () => {
  expect([
    list,
    document,
    created,
    agents,
    here,
    logs,
    variables,
    trust,
    pool,
    doctor,
    isolation,
    error,
    errorKeys,
    resources,
    connection,
    worked,
    kept,
    checkpoints,
    diff,
    dumped,
    templates,
    templateBuilt,
    templateRemoved,
    gc,
    deletedOnes,
    undeleted,
    whole,
    wholes,
    restored,
    since,
    pin,
    explained,
    shared,
    garbage,
  ]).not.toContain(false);
});

const environment = {
  project: "shop",
  slug: "main",
  branch: "main",
  path: "/repo",
  main: true,
  status: "Healthy",
  url: null,
  slot: 0,
  createdAt: "2026-01-01T00:00:00.000Z",
  git: { head: null, dirty: 0, untracked: 0, ahead: 0, behind: 0 },
  services: [{ name: "web", state: "Running", port: 20000, url: "http://main.localhost", pid: 7, restarts: 0 }],
  resources: [],
} satisfies EnvironmentDocument["environment"];

test("a document fits, and a changed one does not", () => {
  expect(v.safeParse(schemas.environmentDocument, { schema: 1, environment }).issues).toBeUndefined();
  expect(v.is(schemas.environmentDocument, { schema: 2, environment })).toBe(false);
  expect(v.is(schemas.environmentDocument, { schema: 1, environment: { ...environment, status: "Fine" } })).toBe(false);
  expect(v.is(schemas.environmentDocument, { schema: 1, environment: { ...environment, extra: 1 } })).toBe(false);
});

test("errors as they go over the wire fit", () => {
  const wire = new WtError({
    kind: "refused",
    code: "dirty",
    message: "No.",
    hints: ["wt delete --force"],
    details: { files: ["a", { b: null }] },
  });
  expect(v.safeParse(schemas.errorBody, { error: wire.toWire() }).issues).toBeUndefined();
});
