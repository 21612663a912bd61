import { describe, expect, test } from "bun:test";
import { type TestWorld, testWorld } from "../../test/support/daemon-world.ts";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import type { Attachment, ComposeStack, StackContainer, StackMark, StackNetwork } from "../runtime/compose/compose-stack.ts";
import { createEnvironment } from "./create-environment.ts";
import { connectAll, connectShared } from "./shared-connections.ts";
import { sharedLock } from "./shared-names.ts";
import { markOf, sharedMark } from "./stack-model.ts";
import type { World } from "./world.ts";

/** An engine with a shared `db`, and a network of each environment; what is attached is noted. */
interface Scene extends AsyncDisposable {
  world: World;
  project: ProjectRecord;
  networks: Set<string>;
  attached: string[];
  /** Called before each attachment. */
  before: (network: string) => Promise<void>;
}

async function scene(): Promise<Scene> {
  const test: TestWorld = await testWorld({ "wt.yaml": "project: shop\nservices: {}\n" }, {});
  const { ledger } = test.world;
  for (const branch of ["one", "two"]) {
    const request = { cwd: test.repository.root, branch, up: false, env: test.repository.env, git: "skip" as const };
    await createEnvironment(test.world, request, test.call());
  }
  const environments = ledger.environments();
  const [main] = environments;
  const project = main && ledger.project(main.projectId);
  if (!main || !project) throw new Error("there is no main environment");
  for (const { id, slug } of environments) {
    const aliases = [{ service: "db", networkName: `shop-${slug}_default`, aliases: ["db"] }];
    ledger.claim({ environmentId: id, kind: "compose_project", key: `shop-${slug}`, data: { role: "environment", aliases } });
  }
  const made: Pick<Scene, "networks" | "attached" | "before"> = {
    networks: new Set(environments.map(({ slug }) => `shop-${slug}_default`)),
    attached: [],
    before: async () => undefined,
  };
  const world = { ...test.world, stack: stackOf(made, { environments, main }) };
  return Object.assign(made, { world, project, [Symbol.asyncDispose]: () => test[Symbol.asyncDispose]() });
}

type Things = Pick<Scene, "networks" | "attached" | "before">;

function stackOf(things: Things, { environments, main }: { environments: EnvironmentRecord[]; main: EnvironmentRecord }): ComposeStack {
  const observe = async (mark: StackMark | null) => {
    const own = environments.filter((one) => markOf(one).nonce === mark?.nonce).map(({ slug }) => `shop-${slug}_default`);
    const networks = own.filter((name) => things.networks.has(name)).map((name) => ({ name }) as StackNetwork);
    const db = { id: "db", ref: { project: "shop-shared", service: "db" }, networks: [] as string[] } as StackContainer;
    return { containers: mark?.nonce === sharedMark(main).nonce ? [db] : [], networks, volumes: [], images: [] };
  };
  const connect = async ({ network }: Attachment) => {
    await things.before(network);
    if (!things.networks.has(network)) throw new Error(`network ${network} not found`);
    things.attached.push(network);
  };
  return { observe, connect } as Partial<ComposeStack> as ComposeStack;
}

const never = new AbortController().signal;

describe("connectAll", () => {
  test("an environment that goes meanwhile is no failure, and the others are served; anything else is one", async () => {
    await using made = await scene();
    made.before = async (network) => void (network === "shop-one_default" && made.networks.delete(network));
    await connectAll(made.world, made.project, never);
    expect(made.attached).toEqual(["shop-main_default", "shop-two_default"]);
    made.before = () => Promise.reject(new Error("refused"));
    expect(await connectAll(made.world, made.project, never).catch(String)).toBe("Error: refused");
  });
});

describe("connectShared", () => {
  test("waits while the shared containers may be made anew", async () => {
    await using made = await scene();
    const { world, project } = made;
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const holding = world.locks.run(sharedLock(project), () => held);
    const aliases = [{ service: "db", networkName: "shop-one_default", aliases: ["db"] }];
    const connecting = connectShared(world, project, { aliases, abort: never });
    const late = { service: "db", networkName: "shop-gone_default", aliases: ["db"] };
    const aborted = connectShared(world, project, { aliases: [late], abort: AbortSignal.abort(new Error("enough")) });
    expect(await aborted.catch(String)).toBe("Error: enough");
    expect(made.attached).toEqual([]);
    release();
    await Promise.all([holding, connecting]);
    expect(made.attached).toEqual(["shop-one_default"]);
  });
});
