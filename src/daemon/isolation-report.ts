// `wt doctor --isolation`: tries to get from each environment that runs to each other one.
import type { IsolationReport, IsolationTry } from "../api/isolation.ts";
import { createGit } from "../git/git.ts";
import { containerTries } from "./isolation-containers.ts";
import { databaseTries } from "./isolation-databases.ts";
import { hostTries } from "./isolation-hosts.ts";
import { isolationFindings } from "./isolation-judgement.ts";
import { type IsolationScene, isolationScene } from "./isolation-subjects.ts";
import { locate } from "./projects.ts";
import type { World } from "./world.ts";

const atMostMs = 300_000;

/** Makes nothing and changes nothing. Throws `WtError` (`refused`, `isolation_needs_two`) while fewer than two run, and where the engine does not answer. */
export async function isolationReport(world: World, { cwd }: { cwd: string }): Promise<IsolationReport> {
  const { project } = await locate(world, createGit(world.env), cwd);
  const scene = await isolationScene(world, project, AbortSignal.timeout(atMostMs));
  const [containers, hosts, databases] = await Promise.all([containerTries(scene), hostTries(scene), databaseTries(world, scene)]);
  const tries = [...containers, ...hosts, ...databases];
  return {
    schema: 1,
    project: project.name,
    environments: scene.subjects.map(({ environment }) => environment.slug),
    tries,
    findings: isolationFindings(tries, (reached) => fixOf(scene, reached)),
  };
}

function fixOf(scene: IsolationScene, { from, to, way, at, target }: IsolationTry): string {
  const subject = (slug: string) => scene.subjects.find(({ environment }) => environment.slug === slug);
  const [resource = ""] = target.split(" ");
  if (way === "database") return `wt db url ${resource} -e ${from} && wt db url ${resource} -e ${to}`;
  if (way === "cookie" || (at === "this machine" && way === "gateway")) return "wt gateway status";
  const container = subject(from)?.containers.find(({ name }) => name === at);
  const foreign = new Set(subject(to)?.containers.flatMap(({ networks }) => networks.map(({ name }) => name)));
  const common = container?.networks.find(({ name }) => foreign.has(name));
  if (common) return bridged(scene, { from, to, network: common.name });
  return way === "port" ? `ss -tlnp; wt status ${to}` : `docker inspect ${at}`;
}

/** Whoever is in a network that is the other's has to leave it. */
function bridged({ subjects }: IsolationScene, { from, to, network }: { from: string; to: string; network: string }): string {
  const members = (slug: string) =>
    subjects
      .find(({ environment }) => environment.slug === slug)
      ?.containers.filter(({ networks }) => networks.some(({ name }) => name === network)) ?? [];
  const guests = members(from).length <= members(to).length ? members(from) : members(to);
  return guests.map(({ name }) => `docker network disconnect ${network} ${name}`).join(" && ");
}
