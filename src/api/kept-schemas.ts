// The shapes of `--json` output about deleted environments and about checkpoints.
import * as v from "valibot";

const described = <Schema extends v.GenericSchema>(schema: Schema, description: string) => v.pipe(schema, v.description(description));

export const deletedList = v.strictObject({
  schema: v.literal(1),
  deleted: described(
    v.array(
      v.strictObject({
        id: described(v.string(), "Names it where several had the same slug."),
        project: v.string(),
        slug: v.string(),
        branch: v.nullable(v.string()),
        path: described(v.string(), "Where its worktree was, and will be."),
        deletedAt: described(v.string(), "ISO 8601, UTC."),
        until: described(v.string(), "ISO 8601, UTC: from then on it may be thrown away."),
        bytes: described(v.nullable(v.number()), "null: not measured yet."),
        unsavedFiles: described(v.number(), "Files that no commit has."),
        resources: described(v.array(v.string()), "Resources whose content is kept."),
        removedResources: described(v.array(v.string()), "Resources that could not be kept."),
      }),
    ),
    "The latest first.",
  ),
});

const wholeCheckpoint = v.strictObject({
  id: v.string(),
  createdAt: described(v.string(), "ISO 8601, UTC."),
  head: described(v.nullable(v.string()), "Full id of the commit it was on; null on a branch without commits."),
  branch: v.nullable(v.string()),
  ignored: described(v.boolean(), "Files that git ignores are in it."),
  automatic: described(v.boolean(), "Made by itself, before a restore."),
  resources: described(v.array(v.string()), "Resources that are in it."),
});

export const wholeCheckpointList = v.strictObject({
  schema: v.literal(1),
  environment: v.string(),
  checkpoints: described(v.array(wholeCheckpoint), "The newest last."),
});

export const wholeCheckpointResult = v.strictObject({
  schema: v.literal(1),
  environment: v.string(),
  checkpoint: wholeCheckpoint,
  leftOut: described(v.array(v.strictObject({ resource: v.string(), reason: v.string() })), "Resources that are not in it, and why."),
});

export const wholeRestoreResult = v.strictObject({
  schema: v.literal(1),
  environment: v.string(),
  restored: v.string(),
  before: described(v.string(), "The checkpoint of what was there before."),
  resources: v.array(v.string()),
  commitsSince: described(v.number(), "Commits that HEAD has and the checkpoint had not: they stay."),
  runningServices: described(v.array(v.string()), "They were not stopped."),
});

export const checkpointDiff = v.strictObject({
  schema: v.literal(1),
  environment: v.string(),
  id: v.string(),
  files: v.array(v.strictObject({ status: v.picklist(["added", "changed", "removed"]), path: v.string() })),
  patch: described(v.string(), "Unified diff, from the checkpoint to now."),
});
