import type { DoctorFinding } from "../../api/operations.ts";

/** One of another build is replaced by the next command, unless it is in the middle of something: then this says so. */
export function daemonFinding(daemon: { version: string; pid: number }, own: string): DoctorFinding {
  if (daemon.version === own) {
    return { code: "daemon", level: "ok", message: `The daemon (pid ${daemon.pid}) is of this version, ${own}.`, fix: null };
  }
  const message = `The daemon (pid ${daemon.pid}) is of version ${daemon.version}, this command of ${own}: it was in the middle of something when it should have been replaced.`;
  return { code: "daemon_version", level: "warning", message, fix: "wt daemon stop" };
}
