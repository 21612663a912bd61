// A create that failed at something a person can mend is kept: where it stopped and why, until a resume comes to its end.
import { statfsSync } from "node:fs";
import type { IncompleteView } from "../api/environment.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { type JsonValue, WtError } from "../errors/wt-error.ts";
import type { World } from "./world.ts";

/** Kept among the setup stamps, which go with the environment's row. */
const incompleteStamp = "worldtree:incomplete";
const whole = "";
/** A disk this full is the cause, whatever a command says. */
const fullDiskBytes = 4 * 1024 * 1024;

export function readIncomplete(world: World, environmentId: string): IncompleteView | null {
  const kept = world.ledger.setupStamp(environmentId, incompleteStamp);
  // Written by `markIncomplete` below.
  return kept === null || kept === whole ? null : (JSON.parse(kept) as IncompleteView);
}

export function markIncomplete(world: World, environmentId: string, incomplete: IncompleteView): void {
  world.ledger.putSetupStamp({ environmentId, step: incompleteStamp, hash: JSON.stringify(incomplete) });
}

export function markWhole(world: World, environmentId: string): void {
  if (readIncomplete(world, environmentId)) world.ledger.putSetupStamp({ environmentId, step: incompleteStamp, hash: whole });
}

/**
 * Whether what was made stays after `failure` at `step`: the worktree is whole by then, and what it took to get there (an installation of
 * minutes, say) is worth keeping for somebody who can mend the rest. What nobody mends in the worktree is rolled back: an interruption, a bug, and a
 * full disk, where keeping would hold the very space that is missing.
 */
export function isKept(environment: EnvironmentRecord, failed: { step: string | null; failure: WtError }): boolean {
  const { step, failure } = failed;
  if (step === null || !/^(setup:|resource:|hook:before_up:|start$)/.test(step)) return false;
  if (failure.kind === "cancelled" || failure.kind === "internal") return false;
  return !/^(disk|ledger)_full$/.test(failure.code) && !isDiskFull(environment.path);
}

function isDiskFull(path: string): boolean {
  try {
    const disk = statfsSync(path);
    return disk.bavail * disk.bsize < fullDiskBytes;
  } catch {
    return false;
  }
}

/** What the ledger keeps of a failure. */
export function incompleteAt(step: string, failure: WtError): IncompleteView {
  const { place, logPath } = failure.details ?? {};
  return {
    step,
    place: typeof place === "string" ? place : null,
    reason: failure.message,
    logPath: typeof logPath === "string" ? logPath : null,
  };
}

/** The failure with what became of the environment, and the commands that lead on. */
export function keptFailure(environment: EnvironmentRecord, failed: { step: string; failure: WtError }): WtError {
  const { step, failure } = failed;
  const details: { [key: string]: JsonValue } = {
    ...failure.details,
    environment: environment.slug,
    path: environment.path,
    step,
    kept: true,
    resume: resumeCommand(environment),
  };
  return new WtError({
    ...failure.toWire(),
    hints: [
      ...ownHints(failure),
      ...outputHint(incompleteAt(step, failure)),
      ...waysOn(environment, "The environment is kept: mend it there"),
    ],
    details,
    cause: failure,
  });
}

/** A failure that takes the environment with it takes the log along. */
export function withoutLog(failure: WtError): WtError {
  if (failure.details?.logPath === undefined) return failure;
  const { logPath: _, ...details } = failure.details;
  return new WtError({
    ...failure.toWire(),
    hints: failure.hints.map((hint) => hint.replace(/; all of them are in .*$/, "")),
    details,
    cause: failure,
  });
}

/** A failed command's own advice says less than where to mend it and how to go on. */
function ownHints({ code, hints }: WtError): string[] {
  return code === "setup_failed" || code === "hook_failed" ? hints.filter((hint) => hint.startsWith("  ")) : hints;
}

/** Of a plain `wt create`: what is there is not what was asked for, and carrying on runs commands again. */
export function incompleteError(environment: EnvironmentRecord, { step, reason, logPath, place }: IncompleteView): WtError {
  return new WtError({
    kind: "refused",
    code: "environment_incomplete",
    message: `${environment.slug} exists already but is incomplete: ${reason}`,
    hints: [...outputHint({ logPath }), ...waysOn(environment, "Mend it there")],
    details: {
      environment: environment.slug,
      path: environment.path,
      step,
      place,
      ...(logPath === null ? {} : { logPath }),
      resume: resumeCommand(environment),
    },
  });
}

export function nothingToResume(branch: string): WtError {
  return new WtError({
    kind: "not_found",
    code: "environment_unknown",
    message: `There is no environment of ${branch} to carry on with.`,
    hints: [`Make it: wt create ${branch}`, "See what there is: wt list"],
  });
}

function outputHint({ logPath }: { logPath: string | null }): string[] {
  return logPath === null ? [] : [`Its output: ${logPath}`];
}

function waysOn(environment: EnvironmentRecord, first: string): string[] {
  return [`${first} (${environment.path}), then carry on: ${resumeCommand(environment)}`, `Or give it up: wt delete ${environment.slug}`];
}

function resumeCommand({ branch, slug }: EnvironmentRecord): string {
  return `wt create ${branch ?? slug} --resume`;
}
