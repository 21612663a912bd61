// What must hold whenever nothing is under way: every violation is a sentence.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Lease } from "../../src/environment/ledger.ts";
import type { ResourceSpec } from "../../src/resource/resource-driver.ts";
import type { HistoryWorld } from "./history-world.ts";
import { blobId, databaseModel, type Model, type Work } from "./model.ts";

export function violations(history: HistoryWorld, model: Model): string[] {
  return [
    ...operationsLeft(history),
    ...worksLost(history, model),
    ...namesChanged(history, model),
    ...worktreesWrong(history, model),
    ...branchesWrong(history, model),
    ...databasesWrong(history, model),
    ...processesWrong(history),
    ...filesLeft(history),
  ];
}

/** Everything there is, as text: two of them are equal when nothing has changed. */
export function snapshot({ ledger, repository, machine, server }: HistoryWorld): string {
  return JSON.stringify(
    {
      environments: ledger.environments(),
      leases: ledger.leases(),
      operations: ledger.operations(),
      services: ledger.services().map(({ plan: _, ...one }) => one),
      deleted: ledger.deleted().map(({ data, ...one }) => ({ ...one, data: { ...data, bytes: 0 } })),
      refs: repository.run(["for-each-ref", "--format=%(refname) %(objectname)"]),
      worktrees: repository.run(["worktree", "list", "--porcelain"]),
      directories: [`${repository.root}.worktrees`, join(repository.root, ".git/worktrees"), join(repository.root, ".git/wt")].map(listing),
      running: machine.services.filter((one) => !one.end).map((one) => one.pid),
      resources: [...server.resources].map(([label, one]) => [label, one.nonce, one.state, one.content, [...one.checkpoints]]),
    },
    null,
    1,
  );
}

function operationsLeft({ ledger }: HistoryWorld): string[] {
  return ledger.operations().map((one) => `the operation ${one.kind} (step ${one.step}) is still in flight`);
}

/** "No file of the user's is ever lost": it is where it was written, in an index, or reachable from a ref. */
function worksLost({ repository }: HistoryWorld, model: Model): string[] {
  const reachable = new Set(
    repository
      .run(["rev-list", "--objects", "--all", "--indexed-objects"])
      .split("\n")
      .map((line) => line.slice(0, 40)),
  );
  const kept = new Set(["kept", "deleted"].flatMap((name) => [...keptFiles(join(repository.root, ".git/wt", name))]));
  const isThere = ({ content, path }: Work) =>
    reachable.has(blobId(content)) || (existsSync(path) && readFileSync(path, "utf8") === content) || kept.has(content);
  return model.works.filter((work) => !isThere(work)).map((work) => `lost: ${JSON.stringify(work)}`);
}

function namesChanged({ ledger }: HistoryWorld, model: Model): string[] {
  const found: string[] = [];
  const ports = ledger.leases({ kind: "port" });
  if (new Set(ports.map((one) => one.key)).size !== ports.length) found.push("a port is leased twice");
  const living = new Set(ledger.environments().map((one) => one.id));
  // Whoever comes back gets another slot or port where somebody else has it by now.
  for (const id of model.names.keys()) if (!living.has(id)) model.names.delete(id);
  for (const one of ledger.environments()) {
    const known = model.names.get(one.id) ?? { slug: one.slug, hostLabel: one.hostLabel, slot: one.slot, ports: new Map() };
    model.names.set(one.id, known);
    if (known.slug !== one.slug || known.hostLabel !== one.hostLabel || known.slot !== one.slot) found.push(`${one.slug} was renamed`);
    for (const lease of ports.filter((port) => port.environmentId === one.id)) {
      const service = String(lease.data.service);
      const before = known.ports.get(service) ?? lease.key;
      if (before !== lease.key) found.push(`${service} of ${one.slug} changed its port from ${before} to ${lease.key}`);
      known.ports.set(service, lease.key);
    }
  }
  return found;
}

function worktreesWrong({ ledger, repository }: HistoryWorld, model: Model): string[] {
  const found: string[] = [];
  const listed = repository
    .run(["worktree", "list", "--porcelain"])
    .split("\n")
    .flatMap((line) => line.match(/^worktree (.+)$/)?.[1] ?? []);
  const environments = ledger.environments();
  for (const one of environments) {
    const isThere = existsSync(join(one.path, ".git")) && listed.includes(one.path);
    if (!isThere && !model.removedByHand.has(one.path)) found.push(`${one.slug} has no worktree`);
    if (isThere) model.removedByHand.delete(one.path);
    const lease = ledger.leases({ environmentId: one.id, kind: "worktree" })[0];
    if (one.ownsWorktree && lease?.state !== "present") found.push(`the worktree lease of ${one.slug} is ${lease?.state ?? "gone"}`);
  }
  const paths = new Set(environments.map((one) => one.path));
  for (const path of listed) if (!paths.has(path)) found.push(`the registration of ${path} is left`);
  const parent = `${repository.root}.worktrees`;
  for (const name of listing(parent)) if (!paths.has(join(parent, name))) found.push(`the directory ${name} is left`);
  const registered = listing(join(repository.root, ".git/worktrees"));
  if (registered.length !== listed.length - 1) found.push(`registrations are left: ${registered.join(", ")}`);
  return found;
}

function branchesWrong({ ledger, repository }: HistoryWorld, model: Model): string[] {
  const found: string[] = [];
  const branches = repository.run(["for-each-ref", "--format=%(refname:short)", "refs/heads"]).split("\n");
  const used = new Set(ledger.environments().map((one) => one.branch));
  for (const branch of branches) {
    // Whoever removes a worktree while it comes back keeps its branch: there may be commits on it.
    const orphan = branch.endsWith("-undeleted") && model.removedByHand.size > 0;
    if (!used.has(branch) && !model.branches.has(branch) && !orphan) found.push(`the branch ${branch} is left`);
    model.branches.add(branch);
  }
  for (const one of ledger.environments()) {
    const missing = one.branch !== null && !branches.includes(one.branch);
    if (missing && !model.removedByHand.has(one.path)) found.push(`the branch of ${one.slug} is gone`);
  }
  return found;
}

function databasesWrong({ ledger, server }: HistoryWorld, model: Model): string[] {
  const found: string[] = [];
  const leases = ledger.leases({ kind: "resource" });
  const specOf = (lease: Lease) => lease.data.spec as unknown as ResourceSpec;
  const keptSpecs = ledger.deleted().flatMap(({ data }) => (data.resources as unknown as { spec: ResourceSpec }[]).map(({ spec }) => spec));
  const labels = new Set([...leases.map(specOf), ...keptSpecs].map((spec) => spec.label));
  for (const spec of keptSpecs) if (!server.resources.has(spec.label)) found.push(`the kept database ${spec.label} is gone`);
  for (const label of server.resources.keys()) if (!labels.has(label)) found.push(`the database ${label} is left`);
  for (const environment of ledger.environments()) {
    // One that is not connected may be retired: then it holds what it held.
    const own = leases.find((one) => one.environmentId === environment.id);
    const lease = own && (own.data.connection || server.resources.get(specOf(own).label)) ? own : undefined;
    const expected = databaseModel(model, environment.id);
    const database = lease ? server.resources.get(specOf(lease).label) : undefined;
    if (own?.data.connection && !database) found.push(`the database of ${environment.slug} is leased but not there`);
    if (!lease && !expected.mayBeGone && ![...expected.contents].includes(null)) found.push(`${environment.slug} has lost its database`);
    if (!lease) Object.assign(expected, { contents: new Set([null]), checkpoints: new Map() });
    if (!database) continue;
    if (expected.mayBeGone) expected.contents.add(null);
    if (!expected.contents.has(database.content)) {
      found.push(
        `the database of ${environment.slug} holds ${JSON.stringify(database.content)}, not ${JSON.stringify([...expected.contents])}`,
      );
    }
    const settled = { contents: new Set([database.content]), mayBeGone: false };
    Object.assign(expected, settled);
    found.push(...checkpointsWrong({ slug: environment.slug, lease: lease as Lease, kept: database.checkpoints }, expected.checkpoints));
  }
  return found;
}

function checkpointsWrong(
  of: { slug: string; lease: Lease; kept: Map<string, string | null> },
  expected: Map<string, Set<string | null>>,
): string[] {
  const found: string[] = [];
  for (const [id, contents] of expected) {
    const content = of.kept.get(id);
    if (content === undefined && !contents.has("gone")) found.push(`the checkpoint ${id} of ${of.slug} is gone`);
    else if (content !== undefined && !contents.has(content)) found.push(`the checkpoint ${id} of ${of.slug} holds something else`);
    if (content === undefined) expected.delete(id);
    else expected.set(id, new Set([content]));
  }
  for (const id of of.kept.keys()) if (!expected.has(id)) found.push(`the checkpoint ${id} of ${of.slug} is left`);
  return found;
}

function processesWrong({ ledger, machine }: HistoryWorld): string[] {
  const found: string[] = [];
  const live = machine.services.filter((one) => !one.end);
  const leases = new Set(ledger.leases({ kind: "process" }).map((one) => one.key));
  const keys = live.map(({ spec }) => `${spec.environmentId}/${spec.service}/${spec.generation}`);
  for (const key of keys) if (!leases.has(key)) found.push(`the process ${key} has no lease`);
  for (const key of leases) if (!keys.includes(key)) found.push(`the process lease ${key} has no process`);
  const services = live.map(({ spec }) => `${spec.environmentId}/${spec.service}`);
  if (new Set(services).size !== services.length) found.push(`a service runs twice: ${keys.join(", ")}`);
  if (live.some((one) => one.paused)) found.push("a service is held still");
  return found;
}

function filesLeft({ ledger, repository, world }: HistoryWorld): string[] {
  const known = new Set([...ledger.environments(), ...ledger.deleted()].map((one) => one.id));
  const states = listing(world.paths.environments).filter((name) => !known.has(name));
  const git = join(repository.root, ".git");
  const away = new Set(ledger.deleted().map((one) => one.id));
  const keptRefs = repository
    .run(["for-each-ref", "--format=%(refname)", "refs/wt/deleted", "refs/wt/checkpoints"])
    .split("\n")
    .filter(Boolean);
  const locks = [...new Bun.Glob("**/*.lock").scanSync({ cwd: git, dot: true })];
  return [
    ...states.map((name) => `the state directory ${name} is left`),
    ...locks.map((name) => `the lock ${name} is left`),
    ...keptRefs.filter((ref) => !known.has(ref.split("/")[3] ?? "")).map((ref) => `the ref ${ref} is left`),
    ...listing(join(git, "wt/deleted"))
      .filter((id) => !away.has(id))
      .map((id) => `${id} is left among the deleted`),
    ...listing(join(git, "wt/trash")).map((name) => `${name} is left in the trash`),
  ];
}

function keptFiles(directory: string): Set<string> {
  if (!existsSync(directory)) return new Set();
  const names = [...new Bun.Glob("**/*").scanSync({ cwd: directory, dot: true })];
  return new Set(names.map((name) => readFileSync(join(directory, name), "utf8")));
}

function listing(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}
