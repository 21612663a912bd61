// Compares the ledger with the machine; each finding has a cause and the command that mends it.
import { statfsSync } from "node:fs";
import type { DoctorFinding, DoctorReport } from "../api/operations.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { isPortFree } from "../os/ports.ts";
import { setupFindings } from "./doctor-environment.ts";
import { driftFindings } from "./drift.ts";
import { portHolderName } from "./port-holder.ts";
import { storageFindings } from "./storage-findings.ts";
import { worktreeExists } from "./worktree-exists.ts";
import type { World } from "./world.ts";

const lowDiskBytes = 1024 ** 3;

export async function doctorReport(world: World): Promise<DoctorReport> {
  const perEnvironment = await Promise.all(world.ledger.environments().map((environment) => environmentFindings(world, environment)));
  return {
    schema: 1,
    findings: [
      ...ledgerFindings(world),
      ...(await gatewayFindings(world)),
      ...diskFindings(world),
      ...(await storageFindings(world)),
      ...perEnvironment.flat(),
    ],
  };
}

function ledgerFindings(world: World): DoctorFinding[] {
  if (world.ledgerRecovery === null)
    return [{ code: "ledger", level: "ok", message: `The ledger ${world.paths.ledger} is whole.`, fix: null }];
  return [{ code: "ledger_recovered", level: "warning", message: world.ledgerRecovery, fix: "wt list --all" }];
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

function diskFindings(world: World): DoctorFinding[] {
  const disk = statfsSync(world.paths.state);
  const free = disk.bavail * disk.bsize;
  if (free >= lowDiskBytes) return [];
  const message = `Only ${Math.round(free / 1024 ** 2)} MB are free where ${world.paths.state} is.`;
  return [{ code: "disk_low", level: "warning", message, fix: "df -h" }];
}

async function environmentFindings(world: World, environment: EnvironmentRecord): Promise<DoctorFinding[]> {
  const findings = [...(await setupFindings(world, environment)), ...(await driftFindings(world, environment))];
  if (!worktreeExists(environment)) {
    findings.push({
      code: "worktree_missing",
      level: "warning",
      message: `The directory of ${environment.slug}, ${environment.path}, is gone, but its names and ports are still leased.`,
      fix: `wt delete ${environment.slug}`,
    });
  }
  for (const operation of world.ledger.operations({ environmentId: environment.id })) {
    if (world.locks.busy(`environment:${environment.id}`)) continue;
    findings.push({
      code: "operation_stuck",
      level: "error",
      message: `The ${operation.kind} of ${environment.slug} stopped at step ${operation.step ?? "none"}.`,
      fix: operation.kind === "delete" ? `wt delete ${environment.slug}` : "wt daemon stop",
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
