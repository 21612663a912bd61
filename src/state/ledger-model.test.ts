// Random histories on the real ledger and on the one in memory must look the same after every step.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { anEnvironment, anOperation, aProject, aService, ledgerContent } from "../environment/ledger.conformance.ts";
import type { EnvironmentRecord, LeaseKind, LeaseState, Ledger, OperationKind } from "../environment/ledger.ts";
import { memoryLedger } from "../environment/memory-ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { openLedger } from "./sqlite-ledger.ts";

type Step = { name: string; run: (ledger: Ledger) => unknown } | { steps: Step[]; fails: boolean };

const pick = fc.integer({ min: 1, max: 3 });
const word = fc.oneof(fc.constantFrom("a", "b", "c"), fc.string({ unit: "grapheme", maxLength: 8 }));
const json = fc.dictionary(fc.constantFrom("x", "y", "__proto_"), fc.jsonValue({ maxDepth: 2 })) as fc.Arbitrary<Record<string, never>>;
const step = <T>(name: string, arguments_: fc.Arbitrary<T>, run: (ledger: Ledger, argument: T) => unknown): fc.Arbitrary<Step> =>
  arguments_.map((argument) => ({ name: `${name} ${JSON.stringify(argument)}`, run: (ledger) => run(ledger, argument) }));

const environment = fc
  .record({ number: pick, project: pick, slug: pick, host: pick, path: pick, slot: pick, main: fc.boolean(), branch: fc.option(word) })
  .map(
    ({ number, project, slug, host, path, slot, main, branch }): EnvironmentRecord =>
      anEnvironment(number, { projectId: `p${project}`, slug: `s${slug}`, hostLabel: `h${host}`, path: `/w/${path}`, slot, main, branch }),
  );
const change = fc.record(
  { branch: fc.option(word), path: pick.map((number) => `/w/${number}`), wanted: fc.constantFrom("up", "down"), ownsBranch: fc.boolean() },
  { requiredKeys: [] },
);
const kind = fc.constantFrom<LeaseKind>("port", "worktree", "process");
const state = fc.constantFrom<LeaseState>("intended", "present", "removing");
const operationKind = fc.constantFrom<OperationKind>("create", "up", "down", "restart", "delete");
const claim = fc.record({ environmentId: pick.map((number) => `e${number}`), kind, key: word, data: json });
const service = fc.record({
  environmentId: pick.map((number) => `e${number}`),
  generation: fc.nat(),
  plan: fc.option(json),
  instance: fc.option(json),
});

const single = fc.oneof(
  step("insertProject", fc.tuple(pick, pick), (ledger, [id, name]) => ledger.insertProject(aProject(id, { name: `n${name}` }))),
  step("updateProject", fc.tuple(pick, pick), (ledger, [id, name]) => ledger.updateProject(`p${id}`, { name: `n${name}` })),
  step("deleteProject", pick, (ledger, id) => ledger.deleteProject(`p${id}`)),
  step("insertEnvironment", environment, (ledger, record) => ledger.insertEnvironment(record)),
  step("updateEnvironment", fc.tuple(pick, change), (ledger, [id, values]) => ledger.updateEnvironment(`e${id}`, values)),
  step("insertMember", fc.tuple(environment, json), (ledger, [record, data]) => ledger.insertMember({ environment: record, data })),
  step("updateMember", fc.tuple(pick, json), (ledger, [id, data]) => ledger.updateMember(`e${id}`, data)),
  step("claimMember", environment, (ledger, { slug, hostLabel, slot, branch, path, ownsBranch, createdAtMs, id }) =>
    ledger.claimMember(id, { slug, hostLabel, slot, branch, path, ownsBranch, createdAtMs }),
  ),
  step("members", pick, (ledger, id) => ledger.members({ projectId: `p${id}` })),
  step("deleteEnvironment", pick, (ledger, id) => ledger.deleteEnvironment(`e${id}`)),
  step("claim", claim, (ledger, lease) => ledger.claim(lease)),
  step("updateLease", fc.tuple(pick, fc.record({ state, data: json }, { requiredKeys: [] })), (ledger, [id, values]) =>
    ledger.updateLease(id, values),
  ),
  step("release", pick, (ledger, id) => ledger.release(id)),
  step("leases", fc.tuple(pick, kind), (ledger, [id, only]) => ledger.leases({ environmentId: `e${id}`, kind: only })),
  step("beginOperation", fc.tuple(pick, operationKind, json), (ledger, [id, what, data]) =>
    ledger.beginOperation(anOperation(`o${id}`, { kind: what, data })),
  ),
  step("advanceOperation", fc.tuple(pick, word, fc.option(json, { nil: undefined })), (ledger, [id, name, data]) =>
    ledger.advanceOperation(`o${id}`, name, data),
  ),
  step("endOperation", pick, (ledger, id) => ledger.endOperation(`o${id}`)),
  step("putService", fc.tuple(word, service), (ledger, [name, values]) => ledger.putService(aService(name, values))),
  step("deleteService", fc.tuple(pick, word), (ledger, [id, name]) => ledger.deleteService(`e${id}`, name)),
  step("services", pick, (ledger, id) => ledger.services({ environmentId: `e${id}` })),
  step("putSetupStamp", fc.tuple(pick, word), (ledger, [id, hash]) => ledger.putSetupStamp({ environmentId: `e${id}`, step: "s", hash })),
  step("setupStamp", pick, (ledger, id) => ledger.setupStamp(`e${id}`, "s")),
  step("grantTrust", fc.tuple(pick, pick), (ledger, [id, hash]) =>
    ledger.grantTrust({ projectId: `p${id}`, hash: `h${hash}`, commands: [{ source: "setup[0]", text: "x" }], grantedAtMs: hash }),
  ),
  step("putSetting", fc.tuple(word, word), (ledger, [key, value]) => ledger.putSetting(key, value)),
);

const steps = fc.letrec<{ steps: Step[]; step: Step }>((tie) => ({
  step: fc.oneof(
    { maxDepth: 3 },
    { arbitrary: single, weight: 8 },
    { arbitrary: fc.record({ steps: tie("steps"), fails: fc.boolean() }), weight: 1 },
  ),
  steps: fc.array(tie("step"), { maxLength: 10 }),
})).steps;

/** What a step shows: its result, or the refusal. */
function outcome(ledger: Ledger, current: Step): unknown {
  try {
    if ("run" in current) return current.run(ledger) ?? null;
    return ledger.transaction(() => {
      const inner = current.steps.map((one) => outcome(ledger, one));
      if (current.fails) throw new WtError({ kind: "cancelled", code: "planned", message: "Planned." });
      return inner;
    });
  } catch (error) {
    if (!(error instanceof WtError)) throw error;
    return { code: error.code, message: error.message };
  }
}

test("the ledger on disk and the one in memory tell the same story", () => {
  const root = mkdtempSync(join(tmpdir(), "worldtree-ledger-"));
  const path = join(root, "ledger.sqlite");
  const setup = [
    fc.constant<Step>({ name: "p1", run: (ledger) => ledger.insertProject(aProject(1)) }),
    fc.constant<Step>({ name: "e1", run: (ledger) => ledger.insertEnvironment(anEnvironment(1)) }),
    fc.constant<Step>({ name: "e2", run: (ledger) => ledger.insertEnvironment(anEnvironment(2)) }),
  ];
  try {
    fc.assert(
      fc.property(
        fc.tuple(...setup),
        fc.array(fc.oneof({ arbitrary: steps, weight: 1 }), { minLength: 1, maxLength: 4 }),
        (first, histories) => {
          let now = 0;
          for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
          for (const name of ["ledger.backup", "ledger.backup-older"]) rmSync(join(root, name), { force: true });
          const model = memoryLedger({ nowMs: () => now });
          let real = openLedger({ path, nowMs: () => now });
          try {
            for (const history of [first, ...histories]) {
              for (const current of history) {
                now += 1;
                expect(outcome(real, current)).toEqual(outcome(model, current));
                expect(ledgerContent(real, ["a", "b", "c"])).toEqual(ledgerContent(model, ["a", "b", "c"]));
              }
              // Between histories the daemon restarts.
              real.close();
              real = openLedger({ path, nowMs: () => now });
              expect(real.recovery).toBeNull();
              expect(ledgerContent(real, ["a", "b", "c"])).toEqual(ledgerContent(model, ["a", "b", "c"]));
            }
          } finally {
            real.close();
          }
        },
      ),
      { numRuns: 60 },
    );
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}, 60_000);
