// What every `Ledger` must do; each implementation's test calls this with a way to open a fresh one.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { WtError } from "../errors/wt-error.ts";
import {
  type EnvironmentRecord,
  type Ledger,
  type OperationRecord,
  operationKinds,
  type ProjectRecord,
  type ServiceRecord,
} from "./ledger.ts";

export function aProject(number: number, change: Partial<ProjectRecord> = {}): ProjectRecord {
  return {
    id: `p${number}`,
    name: `project-${number}`,
    root: `/srv/project-${number}`,
    gitCommonDir: `/srv/project-${number}/.git`,
    createdAtMs: 1000 + number,
    ...change,
  };
}

export function anEnvironment(number: number, change: Partial<EnvironmentRecord> = {}): EnvironmentRecord {
  return {
    id: `e${number}`,
    projectId: "p1",
    slug: `slug-${number}`,
    hostLabel: `host-${number}`,
    branch: `feature/${number}`,
    path: `/srv/worktrees/${number}`,
    main: false,
    ownsWorktree: true,
    ownsBranch: false,
    slot: number,
    nonce: `nonce-${number}`,
    wanted: "up",
    createdAtMs: 2000 + number,
    ...change,
  };
}

export function anOperation(id: string, change: Partial<OperationRecord> = {}): OperationRecord {
  return { id, environmentId: "e1", kind: "create", step: null, data: {}, startedAtMs: 5, ...change };
}

export function aService(service: string, change: Partial<ServiceRecord> = {}): ServiceRecord {
  return {
    environmentId: "e1",
    service,
    generation: 1,
    wanted: "up",
    restarts: 0,
    completed: false,
    plan: null,
    instance: null,
    ...change,
  };
}

/** The `code` of the `WtError` that `work` throws; fails when it throws none. */
export function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof WtError) return error.code;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** `open` gives an empty ledger whose clock is `nowMs`. */
export function ledgerConformance(name: string, open: (nowMs: () => number) => Ledger): void {
  describe(name, () => {
    let ledger: Ledger;
    let now = 0;
    beforeEach(() => {
      now = 100;
      ledger = open(() => now);
      ledger.insertProject(aProject(1));
      ledger.insertEnvironment(anEnvironment(1));
      ledger.insertEnvironment(anEnvironment(2));
    });
    afterEach(() => ledger.close());

    describe("projects", () => {
      test("are read back as written, in the order they were made", () => {
        ledger.insertProject(aProject(0, { createdAtMs: 1 }));
        expect(ledger.projects()).toEqual([aProject(1), aProject(0, { createdAtMs: 1 })]);
        expect(ledger.project("p1")).toEqual(aProject(1));
        expect(ledger.project("nobody")).toBeNull();
      });
      test("share neither name nor repository", () => {
        expect(codeOf(() => ledger.insertProject(aProject(2, { name: "project-1" })))).toBe("project_exists");
        expect(codeOf(() => ledger.insertProject(aProject(2, { gitCommonDir: "/srv/project-1/.git" })))).toBe("project_exists");
        expect(codeOf(() => ledger.insertProject(aProject(1)))).toBe("ledger_row_exists");
        ledger.insertProject(aProject(2));
        expect(codeOf(() => ledger.updateProject("p2", { name: "project-1" }))).toBe("project_exists");
        expect(ledger.projects()).toEqual([aProject(1), aProject(2)]);
      });
      test("change root and name only", () => {
        ledger.updateProject("p1", { root: "/moved" });
        expect(ledger.project("p1")).toEqual(aProject(1, { root: "/moved" }));
        expect(codeOf(() => ledger.updateProject("nobody", { root: "/x" }))).toBe("ledger_row_missing");
      });
      test("go only without environments, and take their trust along", () => {
        ledger.insertProject(aProject(2));
        ledger.grantTrust({ projectId: "p2", hash: "h", commands: [], grantedAtMs: 1 });
        expect(codeOf(() => ledger.deleteProject("p1"))).toBe("environments_remain");
        ledger.deleteProject("p2");
        ledger.deleteProject("p2");
        expect(ledger.projects()).toEqual([aProject(1)]);
        expect(ledger.trusted("p2")).toEqual([]);
      });
    });

    describe("environments", () => {
      test("are read back as written, all or by project", () => {
        const detached = anEnvironment(3, { projectId: "p2", branch: null, main: true, slot: 0, wanted: "down", ownsBranch: true });
        ledger.insertProject(aProject(2));
        ledger.insertEnvironment(detached);
        expect(ledger.environments()).toEqual([anEnvironment(1), anEnvironment(2), detached]);
        expect(ledger.environments({ projectId: "p2" })).toEqual([detached]);
        expect(ledger.environment("e3")).toEqual(detached);
        expect(ledger.environment("nobody")).toBeNull();
      });
      test("refuse a taken slug, slot, host label and path", () => {
        for (const change of [{ slug: "slug-1" }, { slot: 1 }, { hostLabel: "host-1" }, { path: "/srv/worktrees/1" }]) {
          expect(codeOf(() => ledger.insertEnvironment(anEnvironment(3, change)))).toBe("environment_exists");
        }
        expect(ledger.environments()).toHaveLength(2);
      });
      test("slug and slot are unique in the project only, host label and path everywhere", () => {
        ledger.insertProject(aProject(2));
        ledger.insertEnvironment(anEnvironment(3, { projectId: "p2", slug: "slug-1", slot: 1 }));
        expect(codeOf(() => ledger.insertEnvironment(anEnvironment(4, { projectId: "p2", hostLabel: "host-1" })))).toBe(
          "environment_exists",
        );
        expect(codeOf(() => ledger.insertEnvironment(anEnvironment(4, { projectId: "p2", path: "/srv/worktrees/1" })))).toBe(
          "environment_exists",
        );
      });
      test("need their project, and have an id of their own", () => {
        expect(codeOf(() => ledger.insertEnvironment(anEnvironment(3, { projectId: "nobody" })))).toBe("ledger_row_missing");
        expect(codeOf(() => ledger.insertEnvironment(anEnvironment(1)))).toBe("ledger_row_exists");
      });
      test("change what may change", () => {
        ledger.updateEnvironment("e1", { branch: null, path: "/moved", wanted: "down", ownsBranch: true, ownsWorktree: false });
        expect(ledger.environment("e1")).toEqual(
          anEnvironment(1, { branch: null, path: "/moved", wanted: "down", ownsBranch: true, ownsWorktree: false }),
        );
        expect(codeOf(() => ledger.updateEnvironment("e1", { path: "/srv/worktrees/2" }))).toBe("environment_exists");
        expect(codeOf(() => ledger.updateEnvironment("nobody", { wanted: "up" }))).toBe("ledger_row_missing");
      });
      test("members of the pool are like them, but in no list, until they are claimed", () => {
        const member = { environment: anEnvironment(3, { slot: 700 }), data: { state: "preparing" } };
        ledger.insertMember(member);
        ledger.insertEnvironment(anEnvironment(4));
        expect(ledger.environments().map(({ id }) => id)).toEqual(["e1", "e2", "e4"]);
        expect(ledger.environments({ projectId: "p1", members: "with" }).map(({ id }) => id)).toEqual(["e1", "e2", "e3", "e4"]);
        expect(ledger.members({ projectId: "p1" })).toEqual([member]);
        expect(ledger.members({ projectId: "p2" })).toEqual([]);
        expect(ledger.environment("e3")).toEqual(member.environment);
        ledger.updateMember("e3", { state: "ready" });
        expect(ledger.members()).toEqual([{ ...member, data: { state: "ready" } }]);
        const named = { slug: "s", hostLabel: "h", slot: 9, branch: "b", path: "/claimed", ownsBranch: true, createdAtMs: 77 };
        expect(codeOf(() => ledger.claimMember("e3", { ...named, slug: "slug-1" }))).toBe("environment_exists");
        ledger.claimMember("e3", named);
        expect(ledger.environments().at(-1)).toEqual({ ...member.environment, ...named });
        expect(ledger.members()).toEqual([]);
        for (const id of ["e3", "e1", "nobody"]) {
          expect(codeOf(() => ledger.updateMember(id, {}))).toBe("ledger_row_missing");
          expect(codeOf(() => ledger.claimMember(id, named))).toBe("ledger_row_missing");
        }
      });
      test("a member keeps its project, and goes as they go", () => {
        ledger.insertProject(aProject(2));
        ledger.insertMember({ environment: anEnvironment(3, { projectId: "p2" }), data: {} });
        expect(codeOf(() => ledger.deleteProject("p2"))).toBe("environments_remain");
        expect(codeOf(() => ledger.insertMember({ environment: anEnvironment(4, { slug: "slug-1" }), data: {} }))).toBe(
          "environment_exists",
        );
        ledger.deleteEnvironment("e3");
        expect(ledger.members()).toEqual([]);
        ledger.deleteProject("p2");
      });
      test("go only without leases, and take services and setup stamps along", () => {
        const lease = ledger.claim({ environmentId: "e1", kind: "port", key: "20000" });
        ledger.putService(aService("web"));
        ledger.putSetupStamp({ environmentId: "e1", step: "npm ci", hash: "h" });
        expect(codeOf(() => ledger.deleteEnvironment("e1"))).toBe("leases_remain");
        expect(ledger.services()).toHaveLength(1);
        ledger.release(lease!.id);
        ledger.deleteEnvironment("e1");
        ledger.deleteEnvironment("e1");
        expect(ledger.environments()).toEqual([anEnvironment(2)]);
        expect(ledger.services()).toEqual([]);
        ledger.insertEnvironment(anEnvironment(1));
        expect(ledger.setupStamp("e1", "npm ci")).toBeNull();
        expect(ledger.services()).toEqual([]);
      });
    });

    describe("leases", () => {
      test("are taken once, and again by their holder as they are", () => {
        const lease = ledger.claim({ environmentId: "e1", kind: "port", key: "20000", data: { service: "web" } });
        expect(lease).toEqual({
          id: lease!.id,
          environmentId: "e1",
          kind: "port",
          key: "20000",
          state: "intended",
          data: { service: "web" },
          createdAtMs: 100,
        });
        ledger.updateLease(lease!.id, { state: "present" });
        now = 200;
        expect(ledger.claim({ environmentId: "e1", kind: "port", key: "20000", data: { other: true } })).toEqual({
          ...lease!,
          state: "present",
        });
        expect(ledger.claim({ environmentId: "e2", kind: "port", key: "20000" })).toBeNull();
        expect(ledger.claim({ environmentId: "e2", kind: "directory", key: "20000" })).not.toBeNull();
      });
      test("are free again after release, which is idempotent, under an id that was never used", () => {
        const first = ledger.claim({ environmentId: "e1", kind: "port", key: "20000" });
        ledger.release(first!.id);
        ledger.release(first!.id);
        const second = ledger.claim({ environmentId: "e2", kind: "port", key: "20000" });
        expect(second!.environmentId).toBe("e2");
        expect(second!.id).toBeGreaterThan(first!.id);
      });
      test("are filtered by environment and kind, in order", () => {
        ledger.claim({ environmentId: "e2", kind: "port", key: "b" });
        ledger.claim({ environmentId: "e1", kind: "port", key: "a" });
        ledger.claim({ environmentId: "e1", kind: "branch", key: "c" });
        const keys = (filter?: Parameters<Ledger["leases"]>[0]) => ledger.leases(filter).map((lease) => lease.key);
        expect(keys()).toEqual(["b", "a", "c"]);
        expect(keys({ environmentId: "e1" })).toEqual(["a", "c"]);
        expect(keys({ kind: "port" })).toEqual(["b", "a"]);
        expect(keys({ environmentId: "e1", kind: "branch" })).toEqual(["c"]);
      });
      test("change state and data apart", () => {
        const { id } = ledger.claim({ environmentId: "e1", kind: "process", key: "e1/web/1", data: { a: [1, null, { b: "ü" }] } })!;
        ledger.updateLease(id, { state: "removing" });
        expect(ledger.leases()[0]).toMatchObject({ state: "removing", data: { a: [1, null, { b: "ü" }] } });
        ledger.updateLease(id, { data: { pid: 7 } });
        expect(ledger.leases()[0]).toMatchObject({ state: "removing", data: { pid: 7 } });
        expect(codeOf(() => ledger.updateLease(id + 1, { state: "present" }))).toBe("ledger_row_missing");
      });
      test("need their environment", () => {
        expect(codeOf(() => ledger.claim({ environmentId: "nobody", kind: "port", key: "1" }))).toBe("ledger_row_missing");
      });
    });

    describe("operations", () => {
      test("are journalled step by step", () => {
        ledger.beginOperation(anOperation("o1", { data: { from: "main" } }));
        ledger.advanceOperation("o1", "worktree");
        expect(ledger.operations()).toEqual([anOperation("o1", { step: "worktree", data: { from: "main" } })]);
        ledger.advanceOperation("o1", "services", { started: ["web"] });
        expect(ledger.operations({ environmentId: "e1" })).toEqual([anOperation("o1", { step: "services", data: { started: ["web"] } })]);
        expect(ledger.operations({ environmentId: "e2" })).toEqual([]);
        ledger.endOperation("o1");
        ledger.endOperation("o1");
        expect(ledger.operations()).toEqual([]);
      });
      test.each(operationKinds)("of kind %s", (kind) => {
        ledger.beginOperation(anOperation("o1", { kind }));
        expect(ledger.operations()[0]?.kind).toBe(kind);
      });
      test("begin before their environment exists and end after it is gone", () => {
        ledger.beginOperation(anOperation("o1", { environmentId: "e9" }));
        ledger.beginOperation(anOperation("o2", { environmentId: "e1", kind: "delete" }));
        ledger.deleteEnvironment("e1");
        expect(ledger.operations().map((operation) => operation.id)).toEqual(["o1", "o2"]);
        expect(codeOf(() => ledger.beginOperation(anOperation("o1")))).toBe("ledger_row_exists");
        expect(codeOf(() => ledger.advanceOperation("o3", "x"))).toBe("ledger_row_missing");
      });
    });

    test("services are put, replaced in place and deleted", () => {
      const plan = { command: "npm run dev", env: { PORT: "20000" } };
      ledger.putService(aService("web"));
      ledger.putService(aService("api", { environmentId: "e2" }));
      ledger.putService(aService("worker"));
      ledger.putService(aService("web", { generation: 2, restarts: 1, completed: true, wanted: "down", plan, instance: { pid: 1 } }));
      const web = aService("web", { generation: 2, restarts: 1, completed: true, wanted: "down", plan, instance: { pid: 1 } });
      expect(ledger.services({ environmentId: "e1" })).toEqual([web, aService("worker")]);
      expect(ledger.services()).toEqual([web, aService("worker"), aService("api", { environmentId: "e2" })]);
      ledger.deleteService("e1", "web");
      ledger.deleteService("e1", "web");
      expect(ledger.services({ environmentId: "e1" })).toEqual([aService("worker")]);
      expect(codeOf(() => ledger.putService(aService("web", { environmentId: "nobody" })))).toBe("ledger_row_missing");
    });

    test("setup stamps are kept per environment and step", () => {
      expect(ledger.setupStamp("e1", "npm ci")).toBeNull();
      ledger.putSetupStamp({ environmentId: "e1", step: "npm ci", hash: "a" });
      ledger.putSetupStamp({ environmentId: "e1", step: "npm ci", hash: "b" });
      expect(ledger.setupStamp("e1", "npm ci")).toBe("b");
      expect(ledger.setupStamp("e2", "npm ci")).toBeNull();
      expect(codeOf(() => ledger.putSetupStamp({ environmentId: "nobody", step: "x", hash: "y" }))).toBe("ledger_row_missing");
    });

    test("trust is kept per project and content, the newest grant last", () => {
      const grant = (hash: string, grantedAtMs: number) => ({
        projectId: "p1",
        hash,
        commands: [{ source: "setup[0]", text: `echo ${hash}` }],
        grantedAtMs,
      });
      ledger.grantTrust(grant("a", 1));
      ledger.grantTrust(grant("b", 2));
      ledger.grantTrust(grant("a", 3));
      expect(ledger.trusted("p1")).toEqual([grant("b", 2), grant("a", 3)]);
      expect(ledger.trusted("p2")).toEqual([]);
      expect(codeOf(() => ledger.grantTrust({ ...grant("a", 1), projectId: "nobody" }))).toBe("ledger_row_missing");
    });

    test("settings are kept", () => {
      expect(ledger.setting("gateway.port")).toBeNull();
      ledger.putSetting("gateway.port", "7080");
      ledger.putSetting("gateway.port", "7081");
      expect(ledger.setting("gateway.port")).toBe("7081");
    });

    describe("transactions", () => {
      test("give back what the work returns, and are undone when it throws", () => {
        expect(ledger.transaction(() => 7)).toBe(7);
        const before = ledger.environments();
        const failure = new Error("no");
        expect(() =>
          ledger.transaction(() => {
            ledger.deleteEnvironment("e1");
            ledger.claim({ environmentId: "e2", kind: "port", key: "1" });
            ledger.putSetting("a", "b");
            throw failure;
          }),
        ).toThrow(failure);
        expect(ledger.environments()).toEqual(before);
        expect(ledger.leases()).toEqual([]);
        expect(ledger.setting("a")).toBeNull();
      });
      test("may be nested: an inner failure undoes the inner work alone", () => {
        ledger.transaction(() => {
          ledger.putSetting("outer", "1");
          expect(() =>
            ledger.transaction(() => {
              ledger.putSetting("inner", "1");
              ledger.transaction(() => ledger.putSetting("innermost", "1"));
              throw new Error("no");
            }),
          ).toThrow("no");
          ledger.transaction(() => ledger.putSetting("second", "1"));
        });
        expect(["outer", "inner", "innermost", "second"].map((key) => ledger.setting(key))).toEqual(["1", null, null, "1"]);
      });
      test("an outer failure undoes what inner ones finished", () => {
        expect(() =>
          ledger.transaction(() => {
            ledger.transaction(() => ledger.putSetting("inner", "1"));
            throw new Error("no");
          }),
        ).toThrow("no");
        expect(ledger.setting("inner")).toBeNull();
      });
      test("a refusal inside changes nothing and may be survived", () => {
        ledger.transaction(() => {
          expect(codeOf(() => ledger.insertEnvironment(anEnvironment(3, { slug: "slug-1" })))).toBe("environment_exists");
          ledger.putSetting("after", "1");
        });
        expect(ledger.setting("after")).toBe("1");
      });
      test("refuse work that is not finished when it returns", () => {
        expect(
          codeOf(() =>
            ledger.transaction(() => {
              ledger.putSetting("a", "b");
              return Promise.resolve();
            }),
          ),
        ).toBe("ledger_transaction_async");
        expect(ledger.setting("a")).toBeNull();
      });
    });

    test("what is kept of deleted environments: put, replaced, listed by age and project, dropped", () => {
      const kept = (id: string, deletedAtMs: number, projectId = "p1") => ({
        id,
        projectId,
        deletedAtMs,
        expiresAtMs: 99,
        data: { a: id },
      });
      ledger.putDeleted(kept("x", 30));
      ledger.putDeleted(kept("y", 20));
      ledger.putDeleted(kept("z", 10, "p2"));
      ledger.putDeleted({ ...kept("x", 15), data: { a: [1] } });
      expect(ledger.deleted().map(({ id }) => id)).toEqual(["z", "x", "y"]);
      expect(ledger.deleted({ projectId: "p1" })).toEqual([{ ...kept("x", 15), data: { a: [1] } }, kept("y", 20)]);
      expect(ledger.deletedRecord("z")).toEqual(kept("z", 10, "p2"));
      ledger.dropDeleted("z");
      ledger.dropDeleted("z");
      expect(ledger.deletedRecord("z")).toBeNull();
    });

    test("all setup stamps of an environment", () => {
      ledger.putSetupStamp({ environmentId: "e1", step: "b", hash: "2" });
      ledger.putSetupStamp({ environmentId: "e1", step: "a", hash: "1" });
      expect(ledger.setupStamps("e1")).toEqual([
        { step: "a", hash: "1" },
        { step: "b", hash: "2" },
      ]);
      expect(ledger.setupStamps("nobody")).toEqual([]);
    });

    test("records given out are copies", () => {
      const lease = ledger.claim({ environmentId: "e1", kind: "port", key: "1", data: { deep: { a: 1 } } })!;
      (lease.data.deep as { a: number }).a = 2;
      ledger.environments()[0]!.slug = "changed";
      expect(ledger.leases()[0]!.data).toEqual({ deep: { a: 1 } });
      expect(ledger.environment("e1")!.slug).toBe("slug-1");
    });

    test("text of every kind survives", () => {
      const odd = "a'b\"c;--\n\t\\ ü 漢字 🌳 \u0000 $x ?1";
      ledger.updateEnvironment("e1", { branch: odd });
      ledger.putSetting(odd, odd);
      expect(ledger.environment("e1")!.branch).toBe(odd);
      expect(ledger.setting(odd)).toBe(odd);
      expect(ledger.claim({ environmentId: "e1", kind: "branch", key: odd, data: { [odd]: odd } })!.data).toEqual({ [odd]: odd });
    });

    test("answers nothing after close, which is idempotent", () => {
      ledger.close();
      ledger.close();
      expect(codeOf(() => ledger.projects())).toBe("ledger_closed");
      expect(codeOf(() => ledger.putSetting("a", "b"))).toBe("ledger_closed");
    });
  });
}

/** Everything a ledger shows of the given settings, projects and stamps, for comparing two of them. */
export function ledgerContent(ledger: Ledger, settings: readonly string[] = []): unknown {
  return {
    projects: ledger.projects(),
    environments: ledger.environments(),
    leases: ledger.leases(),
    operations: ledger.operations(),
    services: ledger.services(),
    deleted: ledger.deleted(),
    trust: ledger.projects().map((project) => ledger.trusted(project.id)),
    settings: settings.map((key) => ledger.setting(key)),
  };
}
