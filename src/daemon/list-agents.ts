import type { AgentList } from "../api/agents.ts";
import { createGit } from "../git/git.ts";
import { agentsOf } from "./agent-presence.ts";
import { listedEnvironments } from "./environment-views.ts";
import type { World } from "./world.ts";

/** `wt agents`. */
export async function listAgents(world: World, request: { cwd: string; all: boolean }): Promise<AgentList> {
  const listed = await listedEnvironments(world, createGit(world.env), { ...request, git: "skip" });
  const agents = await Promise.all(listed.map((placed) => agentsOf(world, placed)));
  return { schema: 1, agents: agents.flat() };
}
