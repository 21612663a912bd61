// The shapes of `--json` output as schemas: the source of docs/schemas/, and what tests hold real output against.
// schemas.test.ts proves that they say what the interfaces say.
import * as v from "valibot";
import type { JsonValue } from "../errors/wt-error.ts";
import { isolationOutcomes, isolationWays } from "./isolation.ts";
import { checkpointDiff, deletedList, wholeCheckpointList, wholeCheckpointResult, wholeRestoreResult } from "./kept-schemas.ts";
import { poolList } from "./pool-schemas.ts";
import { explainDocument, sharedDocument } from "./stack-schemas.ts";

const described = <Schema extends v.GenericSchema>(schema: Schema, description: string) => v.pipe(schema, v.description(description));

/** Any JSON: JSON Schema has no name for that other than the empty schema, which `any` becomes. */
const json = v.any() as unknown as v.GenericSchema<JsonValue>;

const environmentStatus = v.picklist([
  "Healthy",
  "Starting",
  "Degraded",
  "Stopped",
  "Creating",
  "Deleting",
  "Incomplete",
  "Missing",
  "Unknown",
]);
const serviceState = v.picklist([
  "Waiting",
  "Starting",
  "Running",
  "Restarting",
  "CrashLoopBackOff",
  "Failed",
  "Completed",
  "Stopping",
  "Stopped",
  "Unknown",
]);

const gitView = v.strictObject({
  head: described(v.nullable(v.string()), "Full commit id; null in a repository without commits."),
  dirty: described(v.number(), "Tracked files that differ from HEAD."),
  untracked: v.number(),
  ahead: described(v.number(), "Commits not on the upstream, or (without upstream) not on the base branch."),
  behind: v.number(),
});

const serviceView = v.strictObject({
  name: v.string(),
  state: serviceState,
  port: described(v.nullable(v.number()), "null for a service that listens on nothing."),
  url: described(v.nullable(v.string()), "Through the gateway; null without a port."),
  pid: described(v.nullable(v.number()), "Leader of the service's process group while it runs."),
  restarts: v.number(),
  reason: v.optional(described(v.string(), "Why it is in this state. Only in `status` and `create`.")),
  routes: v.optional(described(v.array(v.string()), "Path prefixes on the environment's URL. Only in `status` and `create`.")),
  directUrl: v.optional(described(v.nullable(v.string()), "For calls between services. Only in `status` and `create`.")),
  logPath: v.optional(described(v.string(), "Absolute path. Only in `status` and `create`.")),
  memoryBytes: v.optional(
    described(v.nullable(v.number()), "Of the whole process group; null when unknown. Only in `status` and `create`."),
  ),
  startedAt: v.optional(described(v.nullable(v.string()), "ISO 8601, UTC. Only in `status` and `create`.")),
});

const resourceUsage = v.strictObject({
  exclusiveBytes: v.nullable(v.number()),
  sharedBytes: described(v.nullable(v.number()), "Shared with a template or another environment."),
  how: described(v.string(), "How it was measured, or why it could not be."),
});

const driftView = v.strictObject({
  changes: described(
    v.nullable(v.string()),
    "How the schema differs from main's, such as `2 tables added`; empty when it does not; null when nobody has looked.",
  ),
  asOf: described(v.nullable(v.string()), "ISO 8601, UTC: when both were last looked at; null: they are like this now."),
  inputsChanged: described(
    v.nullable(v.boolean()),
    "Files it was made from changed since: migrations may be pending. null when nobody can tell.",
  ),
});

const resourceView = v.strictObject({
  name: v.string(),
  type: v.string(),
  state: v.picklist(["Ready", "Asleep", "Shared", "Absent", "Broken", "Foreign", "Unknown"]),
  detail: v.optional(described(v.nullable(v.string()), "More about the state. Only in `status`, `create` and `db list`.")),
  url: v.optional(described(v.nullable(v.string()), "Without its password. Only in `status`, `create` and `db list`.")),
  usage: v.optional(described(v.nullable(resourceUsage), "Only in `status`, `create` and `db usage`; null when it takes long to measure.")),
  drift: v.optional(described(v.nullable(driftView), "Only in `status` and `create`; null where there is nothing to say.")),
});

const agentView = v.strictObject({
  id: v.string(),
  project: v.string(),
  environment: described(v.string(), "Slug."),
  kind: described(v.string(), "`claude`, `codex` …; the program's name for one that wt does not know."),
  state: described(
    v.picklist(["running", "working", "waiting", "done", "gone"]),
    "`running`: it does not say what it does. `waiting`: for a person. `done`: its turn is over, or it ended well. `gone`: it failed or vanished.",
  ),
  since: described(v.string(), "ISO 8601, UTC: since when it is in this state."),
  live: described(v.boolean(), "Whether its process is there."),
  pid: v.nullable(v.number()),
  place: v.picklist(["terminal", "tmux", "zellij", "detached", "by_hand"]),
  window: described(v.nullable(v.string()), "`session:window` of tmux, `session:tab` of zellij."),
  detail: described(v.nullable(v.string()), "More about the state."),
  exitCode: v.nullable(v.number()),
  startedAt: described(v.string(), "ISO 8601, UTC."),
  logPath: described(v.nullable(v.string()), "Absolute; only of a detached one."),
});

export const agentList = v.strictObject({ schema: v.literal(1), agents: v.array(agentView) });
export const agentDocument = v.strictObject({ schema: v.literal(1), agent: agentView });

const environmentView = v.strictObject({
  project: v.string(),
  slug: described(v.string(), "The environment's name; chosen once, never changed."),
  branch: described(v.nullable(v.string()), "null on a detached HEAD."),
  path: described(v.string(), "Absolute path of the worktree."),
  main: described(v.boolean(), "The main worktree, which is never deleted."),
  status: environmentStatus,
  url: described(v.nullable(v.string()), "Through the gateway; null when no service has a route."),
  slot: described(v.number(), "Small number added to ports that must be predictable; 0 for main."),
  createdAt: described(v.string(), "ISO 8601, UTC."),
  git: described(v.nullable(gitView), "null when git cannot tell."),
  services: v.array(serviceView),
  resources: v.array(resourceView),
  agents: v.optional(described(v.array(agentView), "Coding agents, also those that have ended since; absent where there are none.")),
  incomplete: v.optional(
    described(
      v.strictObject({
        step: described(v.string(), "Such as `setup:0` or `resource:db`."),
        place: described(v.nullable(v.string()), "Key in wt.yaml; null where none is to blame."),
        reason: v.string(),
        logPath: described(v.nullable(v.string()), "Absolute; null where no command failed."),
      }),
      "Where `wt create` stopped. Only with status `Incomplete`, and while it is carried on.",
    ),
  ),
  shared: v.optional(
    described(
      v.array(v.strictObject({ name: v.string(), state: described(v.string(), "As the states of services.") })),
      "Of the main environment: the services that run once for the project; absent where there are none.",
    ),
  ),
  copying: v.optional(
    described(
      v.array(v.strictObject({ directory: v.string(), since: described(v.string(), "ISO 8601, UTC.") })),
      "Directories that are being cloned into the worktree now.",
    ),
  ),
});

export const environmentList = v.strictObject({ schema: v.literal(1), environments: v.array(environmentView) });
export const environmentDocument = v.strictObject({ schema: v.literal(1), environment: environmentView });
export const hereDocument = v.strictObject({
  ...environmentDocument.entries,
  health: v.strictObject({
    ok: described(v.boolean(), "Everything the environment has works."),
    problems: v.array(
      v.strictObject({
        problem: described(v.string(), "A sentence."),
        next: described(v.string(), "The command that says more or mends it."),
      }),
    ),
  }),
  commands: described(v.array(v.strictObject({ run: v.string(), does: v.string() })), "What can be done here."),
});
export const createResult = v.strictObject({ ...environmentDocument.entries, created: v.boolean() });

export const undeleteResult = v.strictObject({
  ...environmentDocument.entries,
  branch: described(v.nullable(v.string()), "Another one than before where that is in use or has moved on."),
  removedResources: described(v.array(v.string()), "Resources that could not be kept."),
});

export const resourceList = v.strictObject({
  schema: v.literal(1),
  resources: v.array(v.strictObject({ project: v.string(), environment: described(v.string(), "Slug."), ...resourceView.entries })),
});

export const resourceConnection = v.strictObject({
  schema: v.literal(1),
  environment: v.string(),
  resource: v.string(),
  type: v.string(),
  state: resourceView.entries.state,
  url: described(v.nullable(v.string()), "With its password; null for what has no URL."),
  variables: described(v.record(v.string(), v.string()), "What the environment's commands get."),
  values: described(v.record(v.string(), v.string()), "What `${{ resources.<name>.<key> }}` means."),
});

export const resourceDocument = v.strictObject({
  ...environmentDocument.entries,
  resources: described(v.array(v.string()), "Names of those that were worked on."),
  runningServices: described(v.array(v.string()), "Services that ran all the time, and may hold what was read before."),
});

const checkpointView = v.strictObject({
  id: v.string(),
  createdAt: described(v.string(), "ISO 8601, UTC."),
  resources: described(v.array(v.string()), "What it holds."),
});

export const checkpointList = v.strictObject({
  schema: v.literal(1),
  environment: v.string(),
  checkpoints: described(v.array(checkpointView), "The newest last."),
});

export const checkpointResult = v.strictObject({
  schema: v.literal(1),
  environment: v.string(),
  checkpoint: checkpointView,
  leftOut: described(v.array(v.strictObject({ resource: v.string(), reason: v.string() })), "Resources that are not in it, and why."),
});

const templateView = v.strictObject({
  key: v.string(),
  type: described(v.string(), "Of the resource."),
  project: described(v.nullable(v.string()), "It was built for first; null for one that is not known any more."),
  resource: v.string(),
  stage: described(v.string(), "`empty`, `migrated`, `seeded`, `masked`; `unknown` when its record cannot be read."),
  madeFrom: described(v.array(v.string()), "What it holds, in the order in which it got there; for people."),
  version: v.string(),
  parent: described(v.nullable(v.string()), "Key of the template it went on from."),
  migrations: described(
    v.nullable(v.strictObject({ before: v.number(), all: v.number() })),
    "Of all migrations in it, how many were in `parent` already; null where there are none.",
  ),
  bytes: v.number(),
  exclusiveBytes: described(v.nullable(v.number()), "What would come back if it went; null where the machine does not tell."),
  createdAt: described(v.string(), "ISO 8601, UTC."),
  buildMs: v.number(),
  usedAt: described(v.nullable(v.string()), "ISO 8601, UTC; null: never."),
  branches: described(v.array(v.string()), "Environments (slugs) whose database was made from it."),
  lasting: described(v.number(), "How many of them read it as long as they live, so that it stays."),
  wantedBy: described(v.array(v.string()), "Environments (slugs) that would be made from it, or from what is built on it, now."),
  problem: described(v.nullable(v.string()), "Why nobody is to copy it any more; null: it can be copied."),
});

export const templateList = v.strictObject({
  schema: v.literal(1),
  templates: described(v.array(templateView), "The newest first."),
});

export const templateBuildResult = v.strictObject({
  schema: v.literal(1),
  environment: v.string(),
  resource: v.string(),
  template: templateView,
  built: described(v.boolean(), "false: it was there already."),
});

export const templateRemoveResult = v.strictObject({
  schema: v.literal(1),
  key: v.string(),
  freedBytes: v.nullable(v.number()),
});

export const garbageReport = v.strictObject({
  schema: v.literal(1),
  dryRun: v.boolean(),
  items: v.array(
    v.strictObject({
      kind: v.picklist(["template", "trash", "building", "directory", "database"]),
      name: described(v.string(), "A template's key, a path, a database's name."),
      bytes: v.nullable(v.number()),
      outcome: described(
        v.picklist(["removed", "kept", "reported", "failed"]),
        "In a dry run `removed` is what would be; `reported` may be garbage, but that is not proven.",
      ),
      reason: described(v.string(), "A sentence."),
    }),
  ),
  freedBytes: described(v.number(), "Of what was (or would be) removed, where it is known."),
});

export const gcReport = v.strictObject({
  schema: v.literal(1),
  dryRun: v.boolean(),
  items: v.array(
    v.strictObject({
      kind: v.picklist([
        "environment",
        "deleted",
        "process",
        "containers",
        "volume",
        "port",
        "lease",
        "operation",
        "project",
        "trash",
        "template",
        "building",
        "directory",
        "database",
      ]),
      name: described(v.string(), "`<project>/<slug>` of an environment, a path, a key."),
      path: described(v.nullable(v.string()), "Of an environment: its worktree."),
      bytes: v.nullable(v.number()),
      outcome: described(
        v.picklist(["removed", "kept", "reported", "failed"]),
        "In a dry run `removed` is what would be; `reported` may be garbage, but that is not proven.",
      ),
      reason: described(v.string(), "A sentence."),
    }),
  ),
  freedBytes: described(v.number(), "Of what was (or would be) removed, where it is known."),
});

export const pinResult = v.strictObject({
  schema: v.literal(1),
  slug: v.string(),
  pinned: v.boolean(),
  reason: described(v.nullable(v.string()), "null when it is not pinned; may be empty."),
});

const diffSide = v.strictObject({ environment: v.string(), resource: v.string(), version: described(v.string(), "`PostgreSQL 18.4`.") });
const rowCount = v.strictObject({
  rows: described(v.nullable(v.number()), "null when nobody knows."),
  exact: described(v.boolean(), "False: an estimate."),
});

export const diffDocument = v.strictObject({
  schema: v.literal(1),
  from: diffSide,
  to: diffSide,
  same: described(v.boolean(), "Nothing differs in what was compared."),
  objects: v.array(
    v.strictObject({
      change: described(v.picklist(["added", "removed", "changed"]), "As seen from the first to the second."),
      kind: described(v.string(), "`table`, `index`, `view`, `function`, …"),
      name: v.string(),
      lines: described(
        v.array(v.strictObject({ sign: v.picklist(["-", "+", " ", "…"]), text: v.string() })),
        "Of a changed one the lines that differ (`…`: equal lines left out); of the others the whole definition.",
      ),
    }),
  ),
  rows: described(
    v.nullable(v.array(v.strictObject({ table: v.string(), from: rowCount, to: rowCount }))),
    "Tables that both have, with counts that differ; null when rows were not counted.",
  ),
});

export const dumpResult = v.strictObject({
  schema: v.literal(1),
  environment: v.string(),
  resource: v.string(),
  type: v.string(),
  path: described(v.string(), "Absolute."),
  format: v.picklist(["plain", "custom", "directory", "tar", "file", "rdb"]),
  bytes: v.number(),
});

export const logLine = v.strictObject({
  time: described(v.string(), "ISO 8601, UTC, when the line was seen."),
  service: v.string(),
  line: v.string(),
});

export const variablesResult = v.strictObject({
  slug: v.string(),
  path: v.string(),
  variables: v.array(
    v.strictObject({ key: v.string(), value: v.string(), origin: described(v.string(), "Where it came from, for people.") }),
  ),
  unset: described(v.array(v.string()), "Names that must be removed from the caller's environment before a command is run."),
  container: v.optional(
    described(
      v.strictObject({
        service: v.string(),
        id: described(v.nullable(v.string()), "Docker's id of it; null while it does not run."),
        state: v.string(),
        reason: described(v.nullable(v.string()), "Why, in a sentence."),
        endpoint: v.nullable(v.string()),
        binds: described(v.array(v.strictObject({ source: v.string(), target: v.string() })), "Directories of the host that it sees."),
      }),
      "Where `wt run` runs commands; absent where that is the host.",
    ),
  ),
});

export const trustView = v.strictObject({
  project: v.string(),
  root: v.string(),
  state: v.picklist(["trusted", "changed", "untrusted", "nothing_to_trust"]),
  hash: described(v.string(), "Identifies exactly this content."),
  commands: v.array(
    v.strictObject({
      source: v.string(),
      text: v.string(),
      change: described(v.nullable(v.picklist(["same", "added", "changed"])), "Since the last grant; null where there was none."),
    }),
  ),
});

const doctorFindings = v.array(
  v.strictObject({
    code: described(v.string(), "Stable."),
    level: v.picklist(["ok", "warning", "error"]),
    message: v.string(),
    fix: described(v.nullable(v.string()), "The command that mends it, if there is one."),
    fixable: v.optional(described(v.literal(true), "`wt doctor --fix` mends it.")),
    fixed: v.optional(described(v.string(), "What `wt doctor --fix` has done about it.")),
  }),
);

export const doctorReport = v.strictObject({ schema: v.literal(1), findings: doctorFindings });

export const isolationReport = v.strictObject({
  schema: v.literal(1),
  project: v.string(),
  environments: described(v.array(v.string()), "Slugs of those that run."),
  tries: v.array(
    v.strictObject({
      from: described(v.string(), "Slug."),
      to: described(v.string(), "Slug."),
      way: v.picklist(isolationWays),
      at: described(v.string(), "Where the try was made: a container's name, or `this machine`."),
      target: described(v.string(), "What should not be reached."),
      outcome: v.picklist(isolationOutcomes),
      detail: described(v.string(), "What answered, or why nothing could be said."),
    }),
  ),
  findings: described(doctorFindings, "One for each way that is open between two."),
});

export const errorBody = v.strictObject({
  error: v.strictObject({
    kind: described(
      v.picklist(["internal", "usage", "config", "not_found", "refused", "untrusted", "machine", "unhealthy", "cancelled"]),
      "Decides the exit code.",
    ),
    code: described(v.string(), "Stable, snake_case."),
    message: v.string(),
    hints: described(v.array(v.string()), "What to do next; the first is the best."),
    details: v.optional(v.record(v.string(), json)),
    stack: v.optional(described(v.string(), "Only for `internal`.")),
  }),
});

/** Published as docs/schemas/<name>.schema.json. */
export const publishedSchemas: Readonly<Record<string, { title: string; schema: v.GenericSchema }>> = {
  list: { title: "wt list --json", schema: environmentList },
  environment: { title: "wt status --json, wt create --json", schema: environmentDocument },
  here: { title: "wt here --json", schema: hereDocument },
  agents: { title: "wt agents --json", schema: agentList },
  agent: { title: "wt go --json", schema: agentDocument },
  logs: { title: "One line of wt logs --json", schema: logLine },
  trust: { title: "wt trust --json", schema: trustView },
  doctor: { title: "wt doctor --json", schema: doctorReport },
  isolation: { title: "wt doctor --isolation --json", schema: isolationReport },
  error: { title: "Any command with --json that failed", schema: errorBody },
  variables: { title: "wt env --json", schema: variablesResult },
  resources: { title: "wt db list --json, wt db usage --json", schema: resourceList },
  resource: { title: "wt db reset --json, wt db restore --json, wt db start --json, wt db stop --json", schema: resourceDocument },
  "resource-url": { title: "wt db url --json", schema: resourceConnection },
  checkpoint: { title: "wt db checkpoint --json", schema: checkpointResult },
  diff: { title: "wt db diff --json", schema: diffDocument },
  dump: { title: "wt db dump --json", schema: dumpResult },
  checkpoints: { title: "wt db checkpoints --json", schema: checkpointList },
  templates: { title: "wt db template list --json", schema: templateList },
  template: { title: "wt db template build --json, wt db template refresh --json", schema: templateBuildResult },
  "template-removed": { title: "wt db template remove --json", schema: templateRemoveResult },
  gc: { title: "wt gc --json, wt clean --json", schema: gcReport },
  explain: { title: "wt explain --json", schema: explainDocument },
  shared: { title: "wt shared --json, wt shared up --json, wt shared down --json", schema: sharedDocument },
  pin: { title: "wt pin --json, wt unpin --json", schema: pinResult },
  pool: { title: "wt pool --json, wt pool set --json, wt pool clear --json, wt pool refill --json", schema: poolList },
  garbage: { title: "wt db gc --json", schema: garbageReport },
  deleted: { title: "wt undelete --json", schema: deletedList },
  undeleted: { title: "wt undelete <name> --json", schema: undeleteResult },
  "environment-checkpoint": { title: "wt checkpoint --json", schema: wholeCheckpointResult },
  "environment-checkpoints": { title: "wt checkpoints --json", schema: wholeCheckpointList },
  "checkpoint-diff": { title: "wt checkpoint diff --json", schema: checkpointDiff },
  restored: { title: "wt restore --json", schema: wholeRestoreResult },
};
