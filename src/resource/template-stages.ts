// The chain of templates that a database's content is made through: an empty database, migrated, seeded or masked. Pure.
import type { InputFile } from "./migration-order.ts";

export interface Stage {
  kind: "empty" | "migrated" | "seeded" | "masked";
  /** Everything that makes one template another one. */
  key: string;
  /** The same for templates that differ in their migrations alone; null: it is never gone on from. */
  family: string | null;
  /** What `migrate` reads. */
  files: readonly InputFile[];
  /** What this stage does, in this order, on top of the one before. */
  does: readonly ("extensions" | "from" | "migrate" | "seed" | "mask")[];
}

/** In the order in which they are made. */
export type StageChain = readonly [Stage, ...Stage[]];

/** A command whose outcome is kept in a template while its files are the same. */
export interface StageCommand {
  command: string;
  files: InputFile[];
}

export interface StageInputs {
  from: { hash: string } | null;
  mask: { hash: string } | null;
  /** Run when the template is built. */
  migrate: StageCommand | null;
  seed: StageCommand | null;
}

export interface StageFacts {
  /** Everything that makes one empty database another one. */
  empty: object;
  extensions: readonly string[];
  inputs: StageInputs;
  /** Of what is given, as JSON: the same text for the same, of 20 hexadecimal digits. */
  hashOf: (parts: object) => string;
}

/**
 * The first is the empty one, the last what a branch is copied from. With a mask nothing between the two is sealed: what was not masked is
 * never there to be copied, and an earlier state is not gone on from, since its masked rows are not what the migrations expect.
 */
export function planStages({ empty: base, extensions, inputs, hashOf }: StageFacts): StageChain {
  const empty: Stage = { kind: "empty", key: hashOf(base), family: null, files: [], does: [] };
  const { from, migrate, seed, mask } = inputs;
  const files = migrate?.files ?? [];
  const content = { parent: empty.key, extensions, from: from?.hash ?? null, migrate: migrate?.command ?? null };
  const first = [...present("extensions", extensions.length > 0), ...present("from", from), ...present("migrate", migrate)];
  if (mask) {
    const key = hashOf({ ...content, files, seed, mask: mask.hash });
    return [empty, { kind: "masked", key, family: null, files, does: [...first, ...present("seed", seed), "mask"] }];
  }
  const stages: [Stage, ...Stage[]] = [empty];
  if (first.length > 0) {
    const family = migrate ? hashOf({ ...content, family: true }) : null;
    stages.push({ kind: "migrated", key: hashOf({ ...content, files }), family, files, does: first });
  }
  if (seed) {
    const parent = stages.at(-1)?.key;
    stages.push({ kind: "seeded", key: hashOf({ parent, seed }), family: null, files, does: ["seed"] });
  }
  return stages;
}

function present<const Name>(name: Name, value: unknown): Name[] {
  return value ? [name] : [];
}
