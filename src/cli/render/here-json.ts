import type { EnvironmentDocument, EnvironmentView, HereDocument, ServiceView } from "../../api/environment.ts";

export function hereJson({ environment }: EnvironmentDocument): string {
  const problems = problemsOf(environment);
  const document: HereDocument = {
    schema: 1,
    environment,
    health: { ok: problems.length === 0, problems },
    commands: commandsOf(environment),
  };
  return `${JSON.stringify(document)}\n`;
}

type Problem = HereDocument["health"]["problems"][number];

function problemsOf(environment: EnvironmentView): Problem[] {
  const { slug, branch, status, incomplete, services, resources } = environment;
  if (status === "Missing") return [{ problem: `The worktree ${environment.path} is gone.`, next: `wt delete ${slug}` }];
  const found: Problem[] = [];
  if (incomplete) found.push({ problem: `Creating it stopped: ${incomplete.reason}`, next: `wt create ${branch ?? slug} --resume` });
  if (status === "Creating" || status === "Deleting")
    found.push({ problem: `It is being ${status === "Creating" ? "made" : "deleted"}.`, next: "wt status" });
  else if (status === "Stopped" && services.length > 0) found.push({ problem: "Its services are stopped.", next: "wt up" });
  else for (const service of services) if (!working.has(service.state)) found.push(serviceProblem(service));
  for (const { name, state, detail } of resources) {
    if (state === "Ready" || state === "Asleep" || state === "Shared") continue;
    found.push({
      problem: `${name} is ${state}${detail ? `: ${detail}` : "."}`,
      next: state === "Absent" ? "wt up" : `wt db list -e ${slug}`,
    });
  }
  return found;
}

const working = new Set<ServiceView["state"]>(["Running", "Completed"]);

function serviceProblem({ name, state, reason }: ServiceView): Problem {
  const next = state === "Stopped" ? `wt up ${name}` : `wt logs ${name} --since 5m`;
  return { problem: `${name} is ${state}${reason ? `: ${reason}` : "."}`, next };
}

function commandsOf({ slug, main, services, resources }: EnvironmentView): HereDocument["commands"] {
  const names = services.map(({ name }) => name).join(", ");
  return [
    { run: "wt run -- <command>", does: "runs a command with this environment's variables" },
    { run: "wt env --json", does: "shows these variables" },
    ...(services.length > 0
      ? [
          { run: "wt logs <service> --since 5m", does: `what a service printed (${names})` },
          { run: "wt up [service]", does: "starts what does not run, after a change of wt.yaml too" },
          { run: "wt restart <service>", does: "starts it anew" },
        ]
      : []),
    ...(resources.length > 0
      ? [
          { run: "wt db url <resource>", does: `where a resource is (${resources.map(({ name }) => name).join(", ")})` },
          { run: "wt db reset <resource>", does: "gives it back as it was made" },
        ]
      : []),
    { run: "wt create <branch> --json", does: "makes another worktree with its environment" },
    ...(main ? [] : [{ run: `wt delete ${slug}`, does: "gives all of this back; refuses to lose work" }]),
  ];
}
