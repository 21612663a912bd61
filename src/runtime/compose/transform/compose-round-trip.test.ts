// Against Compose itself: the kept models are what it prints, and it takes back what the transform makes of them, to the last dollar sign.
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  composeModels,
  composeVersion,
  keptComposeModel,
  printedComposeModel,
  runCompose,
  shellToken,
  treesDirectory,
} from "../../../../test/support/compose-models.ts";
import { busyboxImage, dockerReason, runLabels } from "../../../../test/support/docker.ts";
import { type ComposeModel, type ComposeObject, composeModelText, objectOf, parseComposeModel } from "./compose-model.ts";
import { transformModel } from "./transform-model.ts";
import type { TransformRequest } from "./transform-request.ts";

const reason = dockerReason();
const live = describe.skipIf(reason !== null);
/** Version whose output is kept. */
const keptVersion = /^2\.26\./;
/** Value of a variable of ours: as hard as those of the compose file. */
const password = "p$w ${SHELL_TOKEN} $$ $${X} \\ \" '";

const sharedOf: Readonly<Record<string, string[]>> = { shop: ["db", "redis", "files"], legacy: ["mysql"], monorepo: ["queue"], unsafe: [] };

function requestFor(name: string, model: ComposeModel, role: "environment" | "shared"): TransformRequest {
  const shared = sharedOf[name] ?? [];
  const own = Object.keys(model.services).filter((service) => !shared.includes(service));
  const services = role === "shared" ? shared : own;
  return {
    role,
    project: role === "shared" ? `${name}-shared` : `${name}-spike`,
    wtProject: name,
    environmentId: "e1",
    nonce: "n1",
    slug: "spike",
    worktree: `${treesDirectory}/${name}`,
    repositoryRoot: `/home/ann/${name}`,
    home: "/home/ann",
    services,
    shared,
    sharedVolumes: ["pip-cache"],
    allow: [],
    dockerfiles: ["Dockerfile"],
    ports: services.slice(0, 1).map((service) => ({ service, target: 8000, hostPort: 20_011 })),
    variables: Object.fromEntries(
      services.map((service) => [service, [{ key: "PASSWORD", value: password, origin: "the test", force: true }]]),
    ),
    subnets: { default: "10.211.0.0/26" },
    sharedProject: `${name}-shared`,
  };
}

/** What Compose understands when it reads the model back. */
function readBack(model: ComposeModel): ComposeModel {
  const directory = mkdtempSync(join(tmpdir(), "wt-back-"));
  try {
    const text = runCompose(["-p", model.name, "-f", "-", "config", "--format", "json"], { directory, stdin: composeModelText(model) });
    return parseComposeModel(text);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Without what Compose writes out though it means nothing: empty objects and lists, nulls of keys that are not variables. */
function meaning(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) return value.map((part) => meaning(part));
  if (typeof value !== "object" || value === null) return value;
  const parts = Object.entries(value as ComposeObject).map(([name, part]) => [name, meaning(part, name)] as const);
  const left = parts.filter(
    ([name, part]) => key === "environment" || key === "networks" || (part !== null && !isEmpty(part)) || name === "",
  );
  return Object.fromEntries(left);
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

live(`Compose${reason === null ? "" : ` (skipped: ${reason})`}`, () => {
  for (const name of composeModels) {
    test(`prints for ${name} what is kept of it`, () => {
      const printed = parseComposeModel(printedComposeModel(name));
      if (keptVersion.test(composeVersion())) expect(printed).toEqual(parseComposeModel(keptComposeModel(name)));
      else expect(Object.keys(printed.services)).toEqual(Object.keys(parseComposeModel(keptComposeModel(name)).services));
    });

    for (const role of ["environment", "shared"] as const) {
      if (role === "shared" && sharedOf[name]?.length === 0) continue;
      test(`takes back what becomes of ${name} (${role}), and reads it as it was meant`, () => {
        const model = parseComposeModel(keptComposeModel(name));
        const asked = transformModel(model, requestFor(name, model, role));
        const allow = asked.refusals.flatMap((refusal) => refusal.allow ?? []);
        const { model: made, refusals } = transformModel(model, { ...requestFor(name, model, role), allow });
        expect(refusals).toEqual([]);
        const back = readBack(made);
        for (const [service, definition] of Object.entries(made.services)) {
          expect(objectOf(back.services[service]?.environment).PASSWORD).toBe(password);
          expect(meaning(back.services[service])).toEqual(meaning(definition));
        }
        expect(Object.keys(back.services)).toEqual(Object.keys(made.services));
        for (const section of ["networks", "volumes", "secrets", "configs"] as const) {
          // Compose makes no volume that no service mounts; who brings up an environment makes those that are used together.
          const unused = role === "shared" && section === "volumes" ? ["pip-cache"] : [];
          const wanted = Object.entries(objectOf(made[section])).filter(([key]) => !unused.includes(key));
          expect(meaning(back[section] ?? {})).toEqual(meaning(Object.fromEntries(wanted)));
        }
      });
    }
  }

  test("brings values of the shell through unchanged", () => {
    const model = parseComposeModel(printedComposeModel("shop"));
    const request = requestFor("shop", model, "environment");
    const back = readBack(transformModel(model, request).model);
    expect(back.services.web?.environment).toMatchObject({
      SHELL_TOKEN: shellToken,
      SECRET_KEY: "django-$insecure-${not}-$$a-variable",
      PRICE_FORMAT: "$0.00",
      TEMPLATE: "${price} of $$",
    });
    expect(back.services.web?.command).toEqual(["sh", "-c", "echo $HOSTNAME && python manage.py runserver 0.0.0.0:8000"]);
  });

  test("a password with dollar signs reaches the container unchanged (docker/compose#6367)", () => {
    using image = busyboxImage();
    const directory = mkdtempSync(join(tmpdir(), "wt-dollar-"));
    try {
      const service = {
        image: image.name,
        network_mode: "none",
        command: ["sh", "-c", 'printf "%s\\n" "$$FROM_FILE" "$$PASSWORD"'],
        labels: runLabels(),
      };
      const written = JSON.stringify({ services: { web: { ...service, environment: { FROM_FILE: shellToken.replaceAll("$", "$$$$") } } } });
      const printed = runCompose(["-f", "-", "config", "--format", "json"], { directory, stdin: written });
      const model = parseComposeModel(printed);
      const project = `wt-test-${crypto.randomUUID().slice(0, 8)}`;
      const { model: made } = transformModel(model, { ...requestFor("dollar", model, "environment"), project, ports: [] });
      const output = runCompose(["-p", project, "-f", "-", "run", "--rm", "-T", "web"], { directory, stdin: composeModelText(made) });
      expect(output).toBe(`${shellToken}\n${password}\n`);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
