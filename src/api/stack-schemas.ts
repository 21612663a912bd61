// The shapes of `--json` output about containers.
import * as v from "valibot";

const described = <Schema extends v.GenericSchema>(schema: Schema, description: string) => v.pipe(schema, v.description(description));

const explanation = v.strictObject({
  services: described(v.array(v.string()), "Services of this part."),
  lines: described(v.array(v.string()), "All of it, for people."),
  rewrites: v.array(
    v.strictObject({
      service: described(v.nullable(v.string()), "null: not of a service but of the whole file."),
      key: described(v.string(), "Place in the service, or in the file."),
      from: described(v.nullable(v.string()), "null: was not there."),
      to: described(v.nullable(v.string()), "null: is gone."),
      why: v.string(),
    }),
  ),
  refusals: described(
    v.array(
      v.strictObject({
        service: v.nullable(v.string()),
        key: v.string(),
        message: v.string(),
        allow: described(v.nullable(v.string()), "What `compose.allow` must hold for it to be accepted; null: it cannot be."),
      }),
    ),
    "Empty when it can be brought up.",
  ),
  warnings: v.array(v.strictObject({ service: v.nullable(v.string()), key: v.string(), message: v.string() })),
});

export const explainDocument = v.strictObject({
  schema: v.literal(1),
  environment: v.string(),
  project: described(v.string(), "Compose project of the environment."),
  own: described(explanation, "The environment's own containers."),
  shared: described(explanation, "Services that run once per project, as this worktree's files describe them."),
});

export const sharedDocument = v.strictObject({
  schema: v.literal(1),
  project: v.string(),
  composeProject: described(v.nullable(v.string()), "null while there is none."),
  services: v.array(
    v.strictObject({
      name: v.string(),
      state: described(v.string(), "As the states of services."),
      reason: v.nullable(v.string()),
      ports: described(
        v.array(v.strictObject({ target: v.number(), port: v.number() })),
        "Ports of the container, and where they are on 127.0.0.1.",
      ),
      restarts: v.number(),
      logPath: v.nullable(v.string()),
    }),
  ),
});
