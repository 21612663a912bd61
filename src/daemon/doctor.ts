// Compares the ledger with the machine; each finding has a cause and the command that mends it.
import type { DoctorFinding, DoctorReport } from "../api/operations.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { isPortFree } from "../os/ports.ts";
import { setupFindings } from "./doctor-environment.ts";
import { leftoverFindings } from "./doctor-leftovers.ts";
import { machineFindings } from "./doctor-machine.ts";
import { driftFindings } from "./drift.ts";
import type { Finding } from "./finding.ts";
import { readUserGc } from "./gc-schedule.ts";
import { portHolderName } from "./port-holder.ts";
import { settleOperations } from "./recovery.ts";
import { usesContainers } from "./stack-leases.ts";
import { storageFindings } from "./storage-findings.ts";
import { readUserHooks } from "./user-hooks.ts";
import type { World } from "./world.ts";

/** With `fix` what can be mended safely is mended, one after the other, and each finding says what was done. */
export async function doctorReport(world: World, { fix = false }: { fix?: boolean } = {}): Promise<DoctorReport> {
  const found = await allFindings(world);
  const findings: DoctorFinding[] = [];
  for (const { repair, ...finding } of found) {
    if (!repair) findings.push(finding);
    else findings.push(fix ? await repaired(finding, repair) : { ...finding, fixable: true });
  }
  return { schema: 1, findings };
}

async function allFindings(world: World): Promise<Finding[]> {
  const perEnvironment = await Promise.all(world.ledger.environments().map((environment) => environmentFindings(world, environment)));
  return [
    ...ledgerFindings(world),
    ...(await gatewayFindings(world)),
    ...machineFindings(world),
    ...(await configFindings(world)),
    ...(await storageFindings(world)),
    ...(await engineFindings(world)),
    ...(await leftoverFindings(world)),
    ...perEnvironment.flat(),
  ];
}

async function repaired(finding: DoctorFinding, repair: () => Promise<string>): Promise<DoctorFinding> {
  try {
    return { ...finding, fixed: await repair() };
  } catch (error) {
    return { ...finding, message: `${finding.message} It could not be mended: ${WtError.from(error).message}` };
  }
}

function ledgerFindings(world: World): DoctorFinding[] {
  if (world.ledgerRecovery === null)
    return [{ code: "ledger", level: "ok", message: `The ledger ${world.paths.ledger} is whole.`, fix: null }];
  return [{ code: "ledger_recovered", level: "warning", message: world.ledgerRecovery, fix: "wt list --all" }];
}

async function configFindings(world: World): Promise<Finding[]> {
  const [gc, { problem, path }] = [await readUserGc(world), await readUserHooks(world)];
  const found = (message: string): Finding => ({ code: "user_config_invalid", level: "warning", message, fix: `$EDITOR ${path}` });
  return [
    ...(gc.problem === null ? [] : [found(`${path}: ${gc.problem} Nothing is collected by itself.`)]),
    // What is wrong with the whole file is said once.
    ...(problem === null || problem === gc.problem ? [] : [found(`${path}: ${problem} Nothing is created or started without --no-hooks.`)]),
  ];
}

/** Only where something is, or was, a container. */
async function engineFindings(world: World): Promise<Finding[]> {
  if (!usesContainers(world.ledger)) return [];
  try {
    const { kind, engineVersion, composeVersion, endpoint } = await world.stack.checkEngine(AbortSignal.timeout(10_000));
    const message = `${kind === "podman" ? "Podman" : "Docker"} ${engineVersion} answers at ${endpoint}, with Compose ${composeVersion}.`;
    return [{ code: "engine", level: "ok", message, fix: null }];
  } catch (error) {
    const { kind, code, message, hints } = WtError.from(error);
    if (kind === "internal") throw error;
    return [{ code, level: "error", message, fix: hints[0] ?? null }];
  }
}

async function gatewayFindings(world: World): Promise<DoctorFinding[]> {
  const gateway = await world.gateway.view();
  if (gateway.state === "listening") {
    return [
      {
        code: "gateway",
        level: "ok",
        message: `The gateway listens on port ${gateway.port} (${gateway.routes.length} routes).`,
        fix: null,
      },
    ];
  }
  const who = gateway.holder ?? "another program";
  const message = `The gateway's port ${gateway.port} is held by ${who}; URLs do not work until it is free.`;
  return [{ code: "gateway_port_taken", level: "error", message, fix: "wt daemon stop && WT_GATEWAY_PORT=<a free port> wt list" }];
}

async function environmentFindings(world: World, environment: EnvironmentRecord): Promise<Finding[]> {
  const findings: Finding[] = [...(await setupFindings(world, environment)), ...(await driftFindings(world, environment))];
  for (const operation of world.ledger.operations({ environmentId: environment.id })) {
    if (world.locks.busy(`environment:${environment.id}`)) continue;
    findings.push({
      code: "operation_stuck",
      level: "error",
      message: `The ${operation.kind} of ${environment.slug} stopped at step ${operation.step ?? "none"}.`,
      fix: operation.kind === "delete" ? `wt delete ${environment.slug}` : "wt doctor --fix",
      repair: async () => {
        await settleOperations(world);
        if (world.ledger.operations().some(({ id }) => id === operation.id)) throw new Error("the daemon's log says why");
        return `Brought the ${operation.kind} of ${environment.slug} to its end.`;
      },
    });
  }
  for (const runner of world.supervisor.runners(environment.id)) {
    if (runner.status.phase === "CrashLoopBackOff" || runner.status.phase === "Failed") {
      findings.push({
        code: "service_failing",
        level: "warning",
        message: `${runner.name} of ${environment.slug} is ${runner.status.phase}: ${runner.status.reason ?? "no reason is known."}`,
        fix: `wt logs ${runner.name} -e ${environment.slug}`,
      });
    }
    const port = runner.plan?.spec.port;
    if (port && !runner.status.live && !(await isPortFree(port)))
      findings.push(await portFinding(environment, { service: runner.name, port }));
  }
  return findings;
}

async function portFinding(environment: EnvironmentRecord, held: { service: string; port: number }): Promise<DoctorFinding> {
  return {
    code: "port_held",
    level: "error",
    message: `Port ${held.port} of ${held.service} in ${environment.slug} is held by ${await portHolderName(held.port)}.`,
    fix: `wt restart ${held.service} -e ${environment.slug}`,
  };
}
