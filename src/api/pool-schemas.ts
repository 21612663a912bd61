// The schema of what `wt pool` prints; see schemas.ts.
import * as v from "valibot";

const described = <Schema extends v.GenericSchema>(schema: Schema, description: string) => v.pipe(schema, v.description(description));

const pooledWorktree = v.strictObject({
  name: described(v.string(), "Its directory is called so too, with a dot before it."),
  path: described(v.string(), "Absolute path."),
  state: described(
    v.picklist(["preparing", "ready", "refreshing", "leaving"]),
    "`refreshing`: brought to the present base. `leaving`: it is given back.",
  ),
  commit: described(v.string(), "Full id of the commit it has."),
  current: described(v.nullable(v.boolean()), "Of the present base, by the present wt.yaml; null: not known now."),
  readyAt: described(v.nullable(v.string()), "ISO 8601, UTC; null while it is prepared."),
  tookMs: described(v.nullable(v.number()), "How long it took to prepare it."),
  exclusiveBytes: described(
    v.nullable(v.number()),
    "Disk of worktree and resources that nothing else shares; null where the machine does not tell.",
  ),
  sharedBytes: described(v.nullable(v.number()), "Shared with the main worktree, a template or another environment."),
  memoryBytes: described(v.nullable(v.number()), "Of programs that run in it; null where the machine does not tell."),
  again: described(
    v.array(v.strictObject({ path: v.string(), because: described(v.string(), "The first file that does.") })),
    "What names its path or name and is made anew when it is claimed.",
  ),
  againSteps: described(v.array(v.string()), "Setup commands that run again then."),
});

export const poolList = v.strictObject({
  schema: v.literal(1),
  pools: v.array(
    v.strictObject({
      project: v.string(),
      root: described(v.string(), "Absolute path of the main worktree."),
      size: described(v.number(), "How many are to be kept; 0: off."),
      members: v.array(pooledWorktree),
      working: described(
        v.nullable(v.strictObject({ what: v.string(), since: described(v.string(), "ISO 8601, UTC.") })),
        "What is done now.",
      ),
      problem: described(
        v.nullable(
          v.strictObject({
            code: v.string(),
            message: v.string(),
            hints: v.array(v.string()),
            failures: described(v.number(), "In a row."),
            retryAt: described(v.string(), "ISO 8601, UTC."),
          }),
        ),
        "Why nothing is prepared now.",
      ),
    }),
  ),
});
