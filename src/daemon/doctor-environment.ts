// What `wt doctor` finds in one environment beside its services: a create that did not come to its end, resources that wt.yaml describes no more,
// `.env` values that lead elsewhere.
import type { DoctorFinding } from "../api/operations.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { type ContractVariable, contractVariables } from "../environment/variables.ts";
import { createGit } from "../git/git.ts";
import { repositoryFiles } from "../os/repository-files.ts";
import { readConfig } from "./config-reader.ts";
import { foreignValues, otherValues, overridingFile } from "./env-files.ts";
import { contractInput, type EnvironmentSession } from "./environment-session.ts";
import { readIncomplete } from "./incomplete.ts";
import { changedResources, removeCommand, resourceChanged, stillThere } from "./resource-changes.ts";
import { worktreeExists } from "./worktree-exists.ts";
import type { World } from "./world.ts";

export async function setupFindings(world: World, environment: EnvironmentRecord): Promise<DoctorFinding[]> {
  const incomplete = incompleteFindings(world, environment);
  const project = world.ledger.project(environment.projectId);
  if (!project || !worktreeExists(environment)) return incomplete;
  // A wt.yaml with mistakes is said by every command that needs it.
  const config = await readConfig(project, repositoryFiles(environment.path)).catch(() => null);
  if (!config) return incomplete;
  const session: EnvironmentSession = { project, environment, config, git: createGit(world.env), callerEnv: {} };
  return [...incomplete, ...changedFindings(world, session), ...(await envFileFindings(world, session))];
}

function incompleteFindings(world: World, { id, slug, branch }: EnvironmentRecord): DoctorFinding[] {
  const incomplete = readIncomplete(world, id);
  if (!incomplete) return [];
  return [
    {
      code: "environment_incomplete",
      level: "warning",
      message: `The create of ${slug} stopped: ${incomplete.reason}`,
      fix: `wt create ${branch ?? slug} --resume`,
    },
  ];
}

function changedFindings(world: World, session: EnvironmentSession): DoctorFinding[] {
  const { environment } = session;
  return changedResources(world, session)
    .filter(({ leased, now }) => now === null || leased.connection !== null)
    .map((changed) => ({
      code: changed.now === null ? "resource_unwanted" : "resource_changed",
      level: "warning",
      message: changed.now === null ? stillThere(environment, changed) : resourceChanged(environment, changed).message,
      fix: removeCommand(environment, changed.leased.spec.name),
    }));
}

async function envFileFindings(world: World, session: EnvironmentSession): Promise<DoctorFinding[]> {
  const { environment, config, git } = session;
  const found = await foreignValues(world, environment, config);
  const own = givenVariables(world, session);
  const others = await otherValues(environment, config, { own, foreign: found });
  if (found.length + others.length === 0) return [];
  const given = new Set(own.map(({ key }) => key));
  const override = await overridingFile(git, environment.path);
  const remaining = others.map(({ file, line, key }) => ({
    code: "env_file_other",
    level: "warning" as const,
    message: `${key} in ${environment.path}/${file}, line ${line}, is not what ${environment.slug} has. ${override === null ? "Commands that wt starts get its own; others do not." : `${override} loads it over what wt gives.`}`,
    fix: `wt env -e ${environment.slug} --explain ${key}`,
  }));
  const foreign = found.map(({ file, line, key, slug }) => {
    const wins = given.has(key) && override === null;
    const effect = wins
      ? "Commands that wt starts get this environment's own; others do not."
      : override !== null
        ? `${override} loads it over what wt gives.`
        : "Apps that read the file reach that one.";
    return {
      code: "env_file_foreign",
      level: "warning" as const,
      message: `${key} in ${environment.path}/${file}, line ${line}, leads to ${slug}, not to ${environment.slug}. ${effect}`,
      fix: given.has(key) ? `wt env -e ${environment.slug} --explain ${key}` : `wt env -e ${environment.slug}`,
    };
  });
  return [...foreign, ...remaining];
}

function givenVariables(world: World, session: EnvironmentSession): ContractVariable[] {
  try {
    return contractVariables(contractInput(world, session), null);
  } catch {
    // A reference without a value, as while a resource is not made.
    return [];
  }
}
