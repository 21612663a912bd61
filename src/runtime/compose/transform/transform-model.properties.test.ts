// What holds for every compose file and every request.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { anyComposeModel, anyRequest, secretMark, servicesIn } from "../../../../test/support/any-compose-model.ts";
import { type ComposeModel, composeModelText, isObject, listOf, objectOf, parseComposeModel } from "./compose-model.ts";
import { transformModel } from "./transform-model.ts";
import type { TransformRequest } from "./transform-request.ts";
import type { TransformResult } from "./transform-result.ts";

const runs = 120;

function holds(check: (result: TransformResult, input: { model: ComposeModel; request: TransformRequest }) => void): void {
  fc.assert(
    fc.property(anyComposeModel, anyRequest, (model, request) => check(transformModel(model, request), { model, request })),
    { numRuns: runs },
  );
}

/** Every refusal accepted that can be: what would run at the worst. */
function holdsAllowed(check: (result: TransformResult, input: { model: ComposeModel; request: TransformRequest }) => void): void {
  holds(({ refusals }, { model, request }) => {
    const allow = refusals.flatMap((refusal) => refusal.allow ?? []);
    check(transformModel(model, { ...request, allow }), { model, request: { ...request, allow } });
  });
}

/** Places where two models differ, as `Rewrite` names them. */
function differences(before: unknown, after: unknown, path: readonly string[] = []): string[] {
  if (Bun.deepEquals(before, after, true)) return [];
  const mayDescend = isObject(before) || isObject(after);
  if (!mayDescend || !(isObject(before) || before === undefined || before === null) || !(isObject(after) || after === null)) {
    return [path.join("/")];
  }
  const keys = new Set([...Object.keys(objectOf(before)), ...Object.keys(objectOf(after))]);
  const found = [...keys].flatMap((key) => differences(objectOf(before)[key], objectOf(after)[key], [...path, key]));
  return found.length === 0 ? [path.join("/")] : found;
}

function valueAt(model: ComposeModel, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => objectOf(value)[key], model);
}

describe("transformModel, for any model and request,", () => {
  test("gives the same twice, and changes neither model nor request", () => {
    fc.assert(
      fc.property(anyComposeModel, anyRequest, (model, request) => {
        const before = structuredClone({ model, request });
        const first = transformModel(model, request);
        expect(transformModel(model, request)).toEqual(first);
        expect({ model, request }).toEqual(before);
      }),
      { numRuns: runs },
    );
  });

  test("leaves no name, port, address or life that another environment could have too", () => {
    holdsAllowed(({ model: made }, { request }) => {
      expect(made.name).toBe(request.project);
      const given = new Set(request.ports.map(({ target, hostPort }) => `127.0.0.1:${hostPort}:${target}/tcp`));
      for (const [name, service] of servicesIn(made)) {
        expect(request.services).toContain(name);
        expect(service.container_name).toBeUndefined();
        expect(service.mac_address).toBeUndefined();
        for (const port of listOf(service.ports).map(objectOf)) {
          expect(given).toContain(`${port.host_ip}:${port.published}:${port.target}/${port.protocol}`);
        }
        for (const attachment of Object.values(objectOf(service.networks)).map(objectOf)) {
          expect(Object.keys(attachment).filter((key) => /address/.test(key))).toEqual([]);
        }
        expect([undefined, "no"]).toContain(service.restart as string | undefined);
        expect(objectOf(service.deploy).restart_policy).toBeUndefined();
        expect([undefined, 0, 1]).toContain(service.scale as number | undefined);
        if (service.build !== undefined) expect([service.image, service.pull_policy]).toEqual([`shop-spike-${name}`, "never"]);
      }
    });
  });

  test("labels everything that the stack makes, and names it after the stack", () => {
    holdsAllowed(({ model: made, names }, { request }) => {
      const mark = { "dev.wt.environment": "e1", "dev.wt.nonce": "n1", "dev.wt.role": request.role };
      for (const [name, service] of servicesIn(made)) {
        expect(service.labels).toMatchObject({ ...mark, "dev.wt.service": name });
        if (service.build !== undefined) expect(objectOf(service.build).labels).toMatchObject(mark);
      }
      for (const section of ["networks", "volumes"] as const) {
        for (const [key, value] of Object.entries(objectOf(made[section]))) {
          const { external, labels, name } = objectOf(value);
          if (external === true) continue;
          expect(labels).toMatchObject(mark);
          const together = section === "volumes" && request.sharedVolumes.includes(key);
          expect(name).toBe(together ? `shop-shared_${key}` : `shop-spike_${key}`);
        }
      }
      expect(names.networks.map(({ key }) => key)).toEqual(Object.keys(objectOf(made.networks)));
      expect(names.volumes.map(({ key }) => key)).toEqual(Object.keys(objectOf(made.volumes)));
    });
  });

  test("refers to nothing that is not in the stack", () => {
    holdsAllowed(({ model: made, refusals }) => {
      const here = new Set(Object.keys(made.services));
      for (const [, service] of servicesIn(made)) {
        for (const other of Object.keys(objectOf(service.depends_on))) expect(here).toContain(other);
        for (const link of listOf(service.links)) expect(here).toContain(String(link).split(":")[0] ?? "");
        for (const network of Object.keys(objectOf(service.networks))) expect(Object.keys(objectOf(made.networks))).toContain(network);
        if (refusals.length > 0) continue;
        for (const other of listOf(service.volumes_from).map(String))
          if (!other.startsWith("container:")) expect(here).toContain(other.split(":")[0] ?? "");
        for (const key of ["network_mode", "pid"]) {
          const of = /^service:(.*)$/.exec(String(service[key]))?.[1];
          if (of !== undefined) expect(here).toContain(of);
        }
      }
    });
  });

  test("writes every difference down, and none that is not there", () => {
    holdsAllowed(({ model: made, rewrites }, { model }) => {
      const places = rewrites.map(({ service, key }) =>
        service === null ? key : ["services", service, ...(key === "" ? [] : [key])].join("."),
      );
      for (const difference of differences(model, made)) {
        const place = difference.replaceAll("/", ".");
        expect({ place, covered: places.some((one) => place === one || place.startsWith(`${one}.`)) }).toEqual({ place, covered: true });
      }
      for (const { service, key, rule } of rewrites) {
        // A label of ours may be there already, and options hold dots in their names.
        if (rule === "labels" || rule === "network-option") continue;
        const path = service === null ? key.split(".") : ["services", service, ...(key === "" ? [] : key.split("."))];
        expect({ path, same: Bun.deepEquals(valueAt(model, path), valueAt(made, path), true) }).toEqual({ path, same: false });
      }
    });
  });

  test("once more over its own result changes nothing", () => {
    holdsAllowed(({ model: made, refusals }, { request }) => {
      if (refusals.length === 0) expect(transformModel(made, request).model).toEqual(made);
    });
  });

  test("refuses no longer what is allowed, and nothing new", () => {
    holds(({ refusals }, { model, request }) => {
      for (const { allow } of refusals) {
        if (allow === null) continue;
        const left = transformModel(model, { ...request, allow: [allow] }).refusals;
        expect(left).toEqual(refusals.filter((refusal) => refusal.allow !== allow));
      }
    });
  });

  test("shows no value of a variable, and no option that could hold a password", () => {
    holds((result) => {
      const { rewrites, refusals, warnings, names, aliases } = result;
      expect(JSON.stringify({ rewrites, refusals, warnings, names, aliases })).not.toContain(secretMark);
    });
  });

  test("keeps every dollar sign on the way to Compose and back", () => {
    holds(({ model: made }) => {
      // What Compose does with the text: `$$` in values becomes `$`, names stay; then it prints all of it doubled.
      const read: unknown = JSON.parse(composeModelText(made), (_, part: unknown) =>
        typeof part === "string" ? part.replaceAll("$$", "$") : part,
      );
      expect(parseComposeModel(JSON.stringify(read).replaceAll("$", "$$$$"))).toEqual(made);
    });
  });
});
