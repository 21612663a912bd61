// A hermetic world with a fake agent on the PATH.
import { existsSync, readFileSync } from "node:fs";
import type { AgentView } from "../../src/api/agents.ts";
import { type FakeAgent, fakeAgent } from "./fake-agent.ts";
import { eventually, type HermeticWorld, hermeticWorld } from "./hermetic-world.ts";
import { smallApp } from "./small-app.ts";

export interface AgentWorld extends AsyncDisposable {
  world: HermeticWorld;
  agent: FakeAgent;
  /** With the fake agent on the PATH. */
  env: Record<string, string>;
  agents(): Promise<AgentView[]>;
  until(right: (agent: AgentView | undefined) => boolean): Promise<AgentView>;
}

export async function agentWorld(files: Record<string, string> = smallApp, names?: string[]): Promise<AgentWorld> {
  const world = await hermeticWorld({ files });
  const agent = fakeAgent(world.directory, names);
  const env = { PATH: `${agent.bin}:${world.env.PATH}` };
  const agents = async (): Promise<AgentView[]> => JSON.parse(await world.ok(["agents", "--json"])).agents;
  return {
    world,
    agent,
    env,
    agents,
    async until(right) {
      const found = (await eventually(agents, ([first]) => right(first)))[0];
      if (!found || !right(found)) throw new Error(`the agent is ${JSON.stringify(found)}`);
      return found;
    },
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
    },
  };
}

/** Whether a process with this number is there and not only waits to be reaped. */
export const alive = (pid: number) => existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
