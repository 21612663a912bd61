// Path → handler, typed by the endpoint tables.

import { version } from "../../package.json";
import type { CallEndpoints, OperationEndpoints, StreamEndpoints } from "../api/endpoints.ts";
import type { DaemonView } from "../api/operations.ts";
import { createGit } from "../git/git.ts";
import { noteAgentEvent } from "./agent-events.ts";
import { beginAgent, endAgent, launchAgent } from "./agent-launch.ts";
import { checkpointEnvironment, diffWithCheckpoint, listWholeCheckpoints, removeWholeCheckpoint } from "./checkpoint-environment.ts";
import { createCheckpoint, listCheckpoints, removeCheckpoint, restoreCheckpoint } from "./checkpoint-operations.ts";
import { collectGarbage } from "./collect-garbage.ts";
import { createEnvironment } from "./create-environment.ts";
import { deleteEnvironment } from "./delete-environment.ts";
import { diffDatabases } from "./diff-databases.ts";
import { doctorReport } from "./doctor.ts";
import { dumpOperation, loadOperation } from "./dump-operations.ts";
import { environmentDocument, listEnvironments, watchEnvironments } from "./environment-views.ts";
import { composeCall, explainStack } from "./explain-stack.ts";
import { collect } from "./gc.ts";
import { isolationReport } from "./isolation-report.ts";

import type { Call } from "./journaled-run.ts";
import { listAgents } from "./list-agents.ts";
import { listResources } from "./list-resources.ts";
import { createOperationOutcomes, type OperationOutcomes } from "./operation-outcomes.ts";
import { itemsResponse, operationResponse } from "./operation-stream.ts";
import { pinEnvironment } from "./pin-environment.ts";
import { clearPool, listPools, refillPool, setPool } from "./pool-operations.ts";
import { locateTarget } from "./projects.ts";
import { readLogs } from "./read-logs.ts";
import { removeOperation } from "./remove-resource.ts";
import { branchOperation, resetOperation, startOperation, stopOperation } from "./resource-operations.ts";
import { resourceConnection } from "./resource-views.ts";
import { restoreEnvironment } from "./restore-environment.ts";
import type { ControlServerOptions } from "./server.ts";
import { changeShared, listShared } from "./shared-operations.ts";
import { buildTemplate, listTemplates, removeTemplate } from "./template-operations.ts";
import { grantTrust, trustQuestion } from "./trust-question.ts";
import { listDeleted, purgeNamed, undeleteEnvironment } from "./undelete-environment.ts";
import { downEnvironment, upEnvironment } from "./up-environment.ts";
import { readVariables } from "./variables.ts";
import type { World } from "./world.ts";

export type Handler = (body: unknown, request: Request) => Promise<Response> | Response;

type Calls = { [Path in keyof CallEndpoints]: (request: CallEndpoints[Path]["request"]) => Promise<CallEndpoints[Path]["response"]> };
type Operations = {
  [Path in keyof OperationEndpoints]: (
    request: OperationEndpoints[Path]["request"],
    call: Call,
  ) => Promise<OperationEndpoints[Path]["result"]>;
};
type Streams = {
  [Path in keyof StreamEndpoints]: (
    request: StreamEndpoints[Path]["request"],
    abort: AbortSignal,
  ) => AsyncGenerator<StreamEndpoints[Path]["item"]>;
};

export function routes(options: ControlServerOptions): Record<string, Handler> {
  // The client is the same build, so bodies have the types of the table; the build header guards that.
  const table: Record<string, Handler> = {};
  const outcomes = createOperationOutcomes();
  for (const [path, call] of Object.entries(calls(options, outcomes))) {
    table[path] = async (body) => Response.json(await (call as (request: unknown) => Promise<unknown>)(body));
  }
  for (const [path, run] of Object.entries(operations(options.world))) {
    const start = run as (request: unknown, call: Call) => Promise<unknown>;
    table[path] = (body, request) => operationResponse(request, (call) => start(body, call), outcomes);
  }
  for (const [path, source] of Object.entries(streams(options.world))) {
    const open = source as (request: unknown, abort: AbortSignal) => AsyncGenerator<unknown>;
    table[path] = (body, request) => itemsResponse(request, (abort) => open(body, abort));
  }
  return table;
}

function calls(options: ControlServerOptions, outcomes: OperationOutcomes): Calls {
  const { world } = options;
  return {
    "/v1/daemon": async () => daemonView(options),
    "/v1/daemon/stop": async (request) => {
      options.shutDown({ services: request.services });
      return { stopping: true };
    },
    "/v1/environments/list": (request) => listEnvironments(world, request),
    "/v1/environments/status": async (request) => {
      const git = createGit(world.env);
      const { environment } = await locateTarget(world, git, request.target);
      return environmentDocument(world, git, environment.id);
    },
    "/v1/variables": (request) => readVariables(world, request),
    "/v1/trust": async (request) => (await trustQuestion(world, request)).view,
    "/v1/trust/grant": (request) => grantTrust(world, request),
    "/v1/gateway": () => world.gateway.view(),
    "/v1/doctor": (request) => doctorReport(world, { fix: request.fix === true }),
    "/v1/doctor/isolation": (request) => isolationReport(world, request),
    "/v1/resources/list": (request) => listResources(world, request),
    "/v1/resources/connection": (request) => resourceConnection(world, request),
    "/v1/environments/checkpoints": (request) => listWholeCheckpoints(world, request),
    "/v1/environments/checkpoints/diff": (request) => diffWithCheckpoint(world, request),
    "/v1/deleted/list": (request) => listDeleted(world, request),
    "/v1/checkpoints/list": (request) => listCheckpoints(world, request),
    "/v1/templates/list": () => listTemplates(world),
    "/v1/agents/list": (request) => listAgents(world, request),
    "/v1/agents/launch": (request) => launchAgent(world, request),
    "/v1/agents/begin": (request) => beginAgent(world, request),
    "/v1/agents/end": async (request) => {
      endAgent(world, request);
      return { ended: true };
    },
    "/v1/agents/event": async (request) => ({ known: await noteAgentEvent(world, request) }),
    "/v1/operations/outcome": async ({ id }) => ({ outcome: outcomes.read(id) }),
    "/v1/stack/explain": (request) => explainStack(world, request),
    "/v1/stack/compose": (request) => composeCall(world, request),
    "/v1/shared": (request) => listShared(world, request),
    "/v1/pool": (request) => listPools(world, request),
    "/v1/pin": (request) => pinEnvironment(world, request),
  };
}

function operations(world: World): Operations {
  return {
    "/v1/environments/create": (request, call) => createEnvironment(world, request, call),
    "/v1/environments/up": (request, call) => upEnvironment(world, { ...request, anew: false }, call),
    "/v1/environments/down": (request, call) => downEnvironment(world, request, call),
    "/v1/environments/restart": (request, call) => upEnvironment(world, { ...request, anew: true }, call),
    "/v1/environments/delete": (request, call) => deleteEnvironment(world, request, call),
    "/v1/environments/undelete": (request, call) => undeleteEnvironment(world, request, call),
    "/v1/environments/checkpoint": (request, call) => checkpointEnvironment(world, request, call),
    "/v1/environments/checkpoints/delete": (request, call) => removeWholeCheckpoint(world, request, call),
    "/v1/environments/restore": (request, call) => restoreEnvironment(world, request, call),
    "/v1/deleted/purge": (request, call) => purgeNamed(world, request, call),
    "/v1/resources/branch": (request, call) => branchOperation(world, request, call),
    "/v1/resources/reset": (request, call) => resetOperation(world, request, call),
    "/v1/resources/start": (request, call) => startOperation(world, request, call),
    "/v1/resources/stop": (request, call) => stopOperation(world, request, call),
    "/v1/resources/remove": (request, call) => removeOperation(world, request, call),
    "/v1/content/diff": (request, call) => diffDatabases(world, request, call),
    "/v1/content/dump": (request, call) => dumpOperation(world, request, call),
    "/v1/content/load": (request, call) => loadOperation(world, request, call),
    "/v1/checkpoints/create": (request, call) => createCheckpoint(world, request, call),
    "/v1/checkpoints/restore": (request, call) => restoreCheckpoint(world, request, call),
    "/v1/checkpoints/delete": (request, call) => removeCheckpoint(world, request, call),
    "/v1/templates/build": (request, call) => buildTemplate(world, request, call),
    "/v1/templates/remove": (request) => removeTemplate(world, request),
    "/v1/shared/change": (request, call) => changeShared(world, request, call),
    "/v1/pool/set": (request, call) => setPool(world, request, call),
    "/v1/pool/clear": (request, call) => clearPool(world, request, call),
    "/v1/pool/refill": (request, call) => refillPool(world, request, call),
    "/v1/gc": (request, call) => collect(world, request, call),
    "/v1/garbage": (request, call) => collectGarbage(world, request, call),
  };
}

function streams(world: World): Streams {
  return {
    "/v1/environments/watch": (request, abort) => watchEnvironments(world, request, abort),
    "/v1/logs": (request, abort) => readLogs(world, request, abort),
  };
}

function daemonView({ world, build, startedAtMs }: ControlServerOptions): DaemonView {
  const environments = world.ledger.environments();
  return {
    version,
    build,
    pid: process.pid,
    startedAt: new Date(startedAtMs).toISOString(),
    memoryBytes: process.memoryUsage.rss(),
    socket: world.paths.socket,
    stateDir: world.paths.state,
    projects: world.ledger.projects().length,
    environments: environments.length,
    services: environments.flatMap((one) => world.supervisor.runners(one.id)).filter((runner) => runner.status.live).length,
    operationsInFlight: world.ledger.operations().length,
  };
}
