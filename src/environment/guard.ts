// No cross-talk: a command must not reach another environment's database because a value was overridden somewhere. Pure.
import { WtError } from "../errors/wt-error.ts";
import type { ResourceConnection } from "../resource/resource-driver.ts";
import type { ContractVariable } from "./variables.ts";

export interface GuardInput {
  /** Whose variables they are, for the sentence: `services.backend`, `setup`, `wt run`. */
  user: string;
  variables: readonly ContractVariable[];
  /** Of the environment's resources, without those that are shared on purpose. */
  connections: Readonly<Record<string, ResourceConnection>>;
  /** Of those that are: their values are as good as the environment's own. */
  shared?: Readonly<Record<string, ResourceConnection>>;
}

/** Throws `WtError` (`refused`, `foreign_resource`) when a variable of a resource ends up with another value than the resource's own. */
export function guardResources(input: GuardInput): void {
  const values = new Map(input.variables.map((variable) => [variable.key, variable]));
  // Of two resources that give the same variable one wins, and the other's value is the environment's own too.
  const allowed = [...Object.values(input.connections), ...Object.values(input.shared ?? {})];
  const isOwn = (key: string, value: string) => allowed.some(({ variables }) => variables[key] === value);
  for (const [name, connection] of Object.entries(input.connections)) {
    for (const key of Object.keys(connection.variables)) {
      const effective = values.get(key);
      if (!effective || isOwn(key, effective.value)) continue;
      throw new WtError({
        kind: "refused",
        code: "foreign_resource",
        message: `${input.user} would get a ${key} that is not this environment's ${name} (it comes from ${effective.origin}).`,
        hints: [
          `Remove ${key} there, or name the resource's own value: \${{ resources.${name}.url }}.`,
          `If everybody is meant to share it, say so with \`branch: shared\` under resources.${name}.`,
        ],
        details: { key, resource: name, origin: effective.origin },
      });
    }
  }
}
