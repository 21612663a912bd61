// The ledger in memory: what the heart's tests run on, and the model the SQLite one is measured against.
import type {
  DeletedRecord,
  EnvironmentRecord,
  Lease,
  Ledger,
  MemberRecord,
  OperationRecord,
  ProjectRecord,
  ServiceRecord,
  TrustRecord,
} from "./ledger.ts";
import {
  environmentsRemain,
  environmentTaken,
  leasesRemain,
  ledgerClosed,
  projectTaken,
  refusePromise,
  rowExists,
  rowMissing,
  takenEnvironmentKey,
  takenProjectKey,
} from "./ledger-errors.ts";

interface Tables {
  projects: Map<string, ProjectRecord>;
  environments: Map<string, EnvironmentRecord>;
  /** By environment: what the pool knows of its members. */
  members: Map<string, MemberRecord["data"]>;
  leases: Map<number, Lease>;
  lastLeaseId: number;
  operations: Map<string, OperationRecord>;
  /** By environment, then service. */
  services: Map<string, Map<string, ServiceRecord>>;
  /** By environment, then step. */
  stamps: Map<string, Map<string, string>>;
  deleted: Map<string, DeletedRecord>;
  trust: TrustRecord[];
  settings: Map<string, string>;
}

/** Holds the tables; transactions copy and restore all of them. */
interface Store {
  tables(): Tables;
  transaction<T>(work: () => T): T;
  close(): void;
}

/** Everything `Ledger` promises except durability. */
export function memoryLedger(options: { nowMs: () => number }): Ledger {
  const store = openStore();
  return {
    transaction: store.transaction,
    close: store.close,
    ...projectMethods(store),
    ...environmentMethods(store),
    ...memberMethods(store),
    ...leaseMethods(store, options.nowMs),
    ...operationMethods(store),
    ...serviceMethods(store),
    ...stampAndTrustMethods(store),
    ...deletedMethods(store),
  };
}

function openStore(): Store {
  let tables: Tables | null = {
    projects: new Map(),
    environments: new Map(),
    members: new Map(),
    leases: new Map(),
    lastLeaseId: 0,
    operations: new Map(),
    services: new Map(),
    stamps: new Map(),
    deleted: new Map(),
    trust: [],
    settings: new Map(),
  };
  const open = () => {
    if (!tables) throw ledgerClosed();
    return tables;
  };
  return {
    tables: open,
    transaction(work) {
      const before = structuredClone(open());
      try {
        const result = work();
        refusePromise(result);
        return result;
      } catch (error) {
        tables = before;
        throw error;
      }
    },
    close() {
      tables = null;
    },
  };
}

const copy = <T>(value: T): T => structuredClone(value);
/** What a trip through JSON makes of it, as any durable ledger does. */
const stored = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

function projectMethods(store: Store) {
  const put = (project: ProjectRecord) => {
    const taken = takenProjectKey(project, [...store.tables().projects.values()]);
    if (taken) throw projectTaken(project, taken);
    store.tables().projects.set(project.id, copy(project));
  };
  return {
    projects: () => [...store.tables().projects.values()].map(copy),
    project: (id) => copy(store.tables().projects.get(id) ?? null),
    insertProject(project) {
      if (store.tables().projects.has(project.id)) throw rowExists("project", project.id);
      put(project);
    },
    updateProject(id, change) {
      const project = store.tables().projects.get(id);
      if (!project) throw rowMissing("project", id);
      put({ ...project, ...stored(change) });
    },
    deleteProject(id) {
      const tables = store.tables();
      const remaining = [...tables.environments.values()].filter((environment) => environment.projectId === id);
      if (remaining.length > 0) throw environmentsRemain(id, remaining);
      tables.projects.delete(id);
      tables.trust = tables.trust.filter((record) => record.projectId !== id);
    },
  } satisfies Partial<Ledger>;
}

function putEnvironment(store: Store, environment: EnvironmentRecord): void {
  const taken = takenEnvironmentKey(environment, [...store.tables().environments.values()]);
  if (taken) throw environmentTaken(environment, taken);
  store.tables().environments.set(environment.id, copy(environment));
}

function insertEnvironment(store: Store, environment: EnvironmentRecord): void {
  if (!store.tables().projects.has(environment.projectId)) throw rowMissing("project", environment.projectId);
  if (store.tables().environments.has(environment.id)) throw rowExists("environment", environment.id);
  putEnvironment(store, environment);
}

function memberMethods(store: Store) {
  const requireMember = (id: string): EnvironmentRecord => {
    const { environments, members } = store.tables();
    const environment = environments.get(id);
    if (!environment || !members.has(id)) throw rowMissing("environment", id);
    return environment;
  };
  return {
    members: (filter) =>
      [...store.tables().environments.values()].flatMap((environment) => {
        const data = store.tables().members.get(environment.id);
        const meant = filter?.projectId === undefined || environment.projectId === filter.projectId;
        return data && meant ? [copy({ environment, data })] : [];
      }),
    insertMember({ environment, data }) {
      insertEnvironment(store, environment);
      store.tables().members.set(environment.id, stored(data));
    },
    updateMember(id, data) {
      requireMember(id);
      store.tables().members.set(id, stored(data));
    },
    claimMember(id, named) {
      const environment = { ...requireMember(id), ...stored(named) };
      putEnvironment(store, environment);
      store.tables().members.delete(id);
      // The last in lists.
      store.tables().environments.delete(id);
      store.tables().environments.set(id, copy(environment));
    },
  } satisfies Partial<Ledger>;
}

function environmentMethods(store: Store) {
  return {
    environments: (filter) =>
      [...store.tables().environments.values()]
        .filter((environment) => filter?.projectId === undefined || environment.projectId === filter.projectId)
        .filter(({ id }) => filter?.members === "with" || !store.tables().members.has(id))
        .map(copy),
    environment: (id) => copy(store.tables().environments.get(id) ?? null),
    insertEnvironment: (environment) => insertEnvironment(store, environment),
    updateEnvironment(id, change) {
      const environment = store.tables().environments.get(id);
      if (!environment) throw rowMissing("environment", id);
      putEnvironment(store, { ...environment, ...stored(change) });
    },
    deleteEnvironment(id) {
      const tables = store.tables();
      const held = [...tables.leases.values()].filter((lease) => lease.environmentId === id);
      if (held.length > 0) throw leasesRemain(id, held);
      tables.environments.delete(id);
      tables.members.delete(id);
      tables.services.delete(id);
      tables.stamps.delete(id);
    },
  } satisfies Partial<Ledger>;
}

function leaseMethods(store: Store, nowMs: () => number) {
  return {
    leases: (filter) =>
      [...store.tables().leases.values()]
        .filter((lease) => filter?.environmentId === undefined || lease.environmentId === filter.environmentId)
        .filter((lease) => filter?.kind === undefined || lease.kind === filter.kind)
        .map(copy),
    claim({ environmentId, kind, key, data }) {
      const tables = store.tables();
      if (!tables.environments.has(environmentId)) throw rowMissing("environment", environmentId);
      const holder = [...tables.leases.values()].find((lease) => lease.kind === kind && lease.key === key);
      if (holder) return holder.environmentId === environmentId ? copy(holder) : null;
      tables.lastLeaseId += 1;
      const lease: Lease = {
        id: tables.lastLeaseId,
        environmentId,
        kind,
        key,
        state: "intended",
        data: stored(data ?? {}),
        createdAtMs: nowMs(),
      };
      tables.leases.set(lease.id, lease);
      return copy(lease);
    },
    updateLease(id, change) {
      const lease = store.tables().leases.get(id);
      if (!lease) throw rowMissing("lease", id);
      store.tables().leases.set(id, { ...lease, ...stored(change) });
    },
    release(id) {
      store.tables().leases.delete(id);
    },
  } satisfies Partial<Ledger>;
}

function operationMethods(store: Store) {
  return {
    operations: (filter) =>
      [...store.tables().operations.values()]
        .filter((operation) => filter?.environmentId === undefined || operation.environmentId === filter.environmentId)
        .map(copy),
    beginOperation(operation) {
      if (store.tables().operations.has(operation.id)) throw rowExists("operation", operation.id);
      store.tables().operations.set(operation.id, { ...operation, data: stored(operation.data) });
    },
    advanceOperation(id, step, data) {
      const operation = store.tables().operations.get(id);
      if (!operation) throw rowMissing("operation", id);
      store.tables().operations.set(id, { ...operation, step, data: data ? stored(data) : operation.data });
    },
    endOperation(id) {
      store.tables().operations.delete(id);
    },
  } satisfies Partial<Ledger>;
}

function serviceMethods(store: Store) {
  return {
    services(filter) {
      const { services, environments } = store.tables();
      const wanted = filter?.environmentId === undefined ? [...environments.keys()] : [filter.environmentId];
      return wanted.flatMap((id) => [...(services.get(id)?.values() ?? [])]).map(copy);
    },
    putService(service) {
      const tables = store.tables();
      if (!tables.environments.has(service.environmentId)) throw rowMissing("environment", service.environmentId);
      const services = tables.services.get(service.environmentId) ?? new Map<string, ServiceRecord>();
      services.set(service.service, stored(service));
      tables.services.set(service.environmentId, services);
    },
    deleteService(environmentId, service) {
      store.tables().services.get(environmentId)?.delete(service);
    },
  } satisfies Partial<Ledger>;
}

function deletedMethods(store: Store) {
  return {
    deleted: (filter) =>
      [...store.tables().deleted.values()]
        .filter((record) => filter?.projectId === undefined || record.projectId === filter.projectId)
        .toSorted((a, b) => a.deletedAtMs - b.deletedAtMs)
        .map(copy),
    deletedRecord: (id) => copy(store.tables().deleted.get(id) ?? null),
    putDeleted(record) {
      store.tables().deleted.set(record.id, stored(record));
    },
    dropDeleted(id) {
      store.tables().deleted.delete(id);
    },
  } satisfies Partial<Ledger>;
}

function stampAndTrustMethods(store: Store) {
  return {
    setupStamps: (environmentId) =>
      [...(store.tables().stamps.get(environmentId) ?? new Map<string, string>())]
        .map(([step, hash]) => ({ step, hash }))
        .toSorted((a, b) => (a.step < b.step ? -1 : 1)),
    setupStamp: (environmentId, step) => store.tables().stamps.get(environmentId)?.get(step) ?? null,
    putSetupStamp({ environmentId, step, hash }) {
      const tables = store.tables();
      if (!tables.environments.has(environmentId)) throw rowMissing("environment", environmentId);
      const stamps = tables.stamps.get(environmentId) ?? new Map<string, string>();
      stamps.set(step, hash);
      tables.stamps.set(environmentId, stamps);
    },
    trusted: (projectId) =>
      store
        .tables()
        .trust.filter((record) => record.projectId === projectId)
        .map(copy),
    grantTrust(record) {
      const tables = store.tables();
      if (!tables.projects.has(record.projectId)) throw rowMissing("project", record.projectId);
      tables.trust = tables.trust.filter((other) => other.projectId !== record.projectId || other.hash !== record.hash);
      tables.trust.push(stored(record));
    },
    setting: (key) => store.tables().settings.get(key) ?? null,
    putSetting(key, value) {
      store.tables().settings.set(key, value);
    },
  } satisfies Partial<Ledger>;
}
