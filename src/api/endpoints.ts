// Method, path, request and response of every daemon operation; client and server are both typed by this table.
import type * as agents from "./agents.ts";
import type * as checkpoints from "./checkpoints.ts";
import type * as content from "./content.ts";
import type * as deleted from "./deleted.ts";
import type * as environment from "./environment.ts";
import type * as gc from "./gc.ts";
import type * as isolation from "./isolation.ts";
import type * as operations from "./operations.ts";
import type * as pool from "./pool.ts";
import type * as resources from "./resources.ts";
import type * as stacks from "./stacks.ts";
import type * as templates from "./templates.ts";

/** Plain request and response, both JSON. All are POST so that arguments travel in the body and nothing is cached. */
export interface CallEndpoints {
  "/v1/daemon": { request: Record<string, never>; response: operations.DaemonView };
  "/v1/daemon/stop": { request: operations.StopDaemonRequest; response: { stopping: true } };
  "/v1/environments/list": { request: environment.ListRequest; response: environment.EnvironmentList };
  "/v1/environments/status": { request: { target: environment.Target }; response: environment.EnvironmentDocument };
  "/v1/variables": { request: operations.VariablesRequest; response: operations.VariablesResult };
  "/v1/trust": { request: operations.TrustRequest; response: operations.TrustView };
  "/v1/trust/grant": { request: operations.TrustGrantRequest; response: operations.TrustView };
  "/v1/gateway": { request: Record<string, never>; response: operations.GatewayView };
  "/v1/doctor": { request: { cwd: string; fix?: boolean }; response: operations.DoctorReport };
  "/v1/doctor/isolation": { request: { cwd: string }; response: isolation.IsolationReport };
  "/v1/resources/list": { request: resources.ResourceListRequest; response: resources.ResourceList };
  "/v1/resources/connection": { request: resources.ResourceTarget; response: resources.ResourceConnectionView };
  "/v1/environments/checkpoints": { request: { target: environment.Target }; response: checkpoints.WholeCheckpointList };
  "/v1/environments/checkpoints/diff": { request: { target: environment.Target; id: string }; response: checkpoints.CheckpointDiff };
  "/v1/deleted/list": { request: { cwd: string; all: boolean }; response: deleted.DeletedList };
  "/v1/checkpoints/list": { request: { target: environment.Target }; response: resources.CheckpointList };
  "/v1/templates/list": { request: Record<string, never>; response: templates.TemplateList };
  "/v1/agents/list": { request: { cwd: string; all: boolean }; response: agents.AgentList };
  "/v1/agents/launch": { request: agents.AgentLaunchRequest; response: agents.AgentLaunch };
  "/v1/agents/begin": { request: { id: string; pid: number }; response: agents.AgentStart };
  /** `code` null: it was never started. */
  "/v1/agents/end": { request: { id: string; code: number | null }; response: { ended: true } };
  "/v1/agents/event": { request: agents.AgentEvent; response: { known: boolean } };
  "/v1/operations/outcome": { request: { id: string }; response: { outcome: OperationOutcome } };
  "/v1/stack/explain": { request: stacks.StackRequest; response: stacks.ExplainDocument };
  "/v1/stack/compose": { request: stacks.StackRequest; response: stacks.ComposeCall };
  "/v1/shared": { request: stacks.StackRequest; response: stacks.SharedDocument };
  "/v1/pool": { request: pool.PoolTarget & { all: boolean }; response: pool.PoolList };
  "/v1/pin": { request: gc.PinRequest; response: gc.PinResult };
}

/** Operations: the response is newline-delimited `OperationEvent<Result>`. */
export interface OperationEndpoints {
  "/v1/environments/create": { request: environment.CreateRequest; result: environment.CreateResult };
  "/v1/environments/up": { request: environment.UpRequest; result: environment.EnvironmentDocument };
  "/v1/environments/down": { request: environment.DownRequest; result: environment.EnvironmentDocument };
  "/v1/environments/restart": { request: environment.UpRequest; result: environment.EnvironmentDocument };
  "/v1/environments/delete": { request: environment.DeleteRequest; result: environment.DeleteResult };
  "/v1/environments/undelete": { request: deleted.UndeleteRequest; result: deleted.UndeleteResult };
  "/v1/environments/checkpoint": { request: checkpoints.WholeCheckpointRequest; result: checkpoints.WholeCheckpointResult };
  "/v1/environments/checkpoints/delete": { request: { target: environment.Target; id: string }; result: checkpoints.WholeCheckpointList };
  "/v1/environments/restore": { request: checkpoints.WholeRestoreRequest; result: checkpoints.WholeRestoreResult };
  "/v1/deleted/purge": { request: deleted.PurgeRequest; result: deleted.DeletedList };
  "/v1/resources/branch": { request: resources.BranchRequest; result: resources.ResourceDocument };
  "/v1/resources/reset": { request: resources.ResetRequest; result: resources.ResourceDocument };
  "/v1/resources/start": { request: resources.ResourceTarget; result: resources.ResourceDocument };
  "/v1/resources/stop": { request: resources.ResourceTarget; result: resources.ResourceDocument };
  "/v1/resources/remove": { request: resources.ResourceTarget & { resource: string }; result: resources.ResourceDocument };
  "/v1/content/diff": { request: content.DiffRequest; result: content.DiffDocument };
  "/v1/content/dump": { request: content.DumpRequest; result: content.DumpResult };
  "/v1/content/load": { request: content.LoadRequest; result: resources.ResourceDocument };
  "/v1/checkpoints/create": { request: resources.CheckpointRequest; result: resources.CheckpointResult };
  "/v1/checkpoints/restore": { request: resources.RestoreRequest; result: resources.ResourceDocument };
  "/v1/checkpoints/delete": { request: resources.RemoveCheckpointRequest; result: resources.CheckpointList };
  "/v1/templates/build": { request: templates.TemplateBuildRequest; result: templates.TemplateBuildResult };
  "/v1/templates/remove": { request: { key: string }; result: templates.TemplateRemoveResult };
  "/v1/shared/change": { request: stacks.SharedRequest; result: stacks.SharedDocument };
  "/v1/pool/set": { request: pool.PoolChange & { size: number }; result: pool.PoolList };
  "/v1/pool/clear": { request: pool.PoolTarget; result: pool.PoolList };
  "/v1/pool/refill": { request: pool.PoolChange; result: pool.PoolList };
  "/v1/gc": { request: gc.GcRequest; result: gc.GcReport };
  "/v1/garbage": { request: templates.GarbageRequest; result: templates.GarbageReport };
}

/** Streams: the response is newline-delimited `item`s until the client closes it or it ends; an `ErrorBody` as the last line says why it could not go on. */
export interface StreamEndpoints {
  "/v1/environments/watch": { request: environment.ListRequest & { follow: boolean }; item: environment.ListEvent };
  "/v1/logs": { request: operations.LogsRequest; item: operations.LogLine };
}

/** Of an operation by the id that its request carried. `unknown`: no such request came to this daemon. */
export type OperationOutcome = "running" | "done" | "undone" | "unknown";

/** Carried by requests of operations: an id of the client's, to ask for the outcome when it does not wait for the answer. */
export const operationHeader = "wt-operation";
/** Carried by every response. */
export const buildHeader = "wt-build";
/** Carried by every request; the daemon refuses requests without it, and any with `Origin` or `Referer`. */
export const clientHeader = "wt-client";
/** Carried by requests of a `wt` that a command of a repository called: the token that the daemon gave that command. */
export const withinHeader = "wt-within";
