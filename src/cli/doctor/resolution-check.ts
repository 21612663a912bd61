import { lookup } from "node:dns/promises";
import type { DoctorFinding } from "../../api/operations.ts";
import { exec } from "../../os/exec.ts";

const host = "worldtree-check.localhost";

/** Whether names under `.localhost` lead to this machine: here, and for curl, which answers that question by itself. */
export async function observeResolution(env: Record<string, string>): Promise<DoctorFinding[]> {
  const [runtime, curl] = await Promise.all([resolvesHere(), resolvesInCurl(env)]);
  const findings: DoctorFinding[] = [];
  if (runtime)
    findings.push({ code: "localhost_resolves", level: "ok", message: `Names such as ${host} resolve to this machine.`, fix: null });
  else {
    findings.push({
      code: "localhost_does_not_resolve",
      level: "warning",
      message: `Programs that ask the system's resolver do not find names such as ${host}; browsers do.`,
      fix: "For such programs use the direct URL of a service: wt status",
    });
  }
  if (curl === false) {
    findings.push({
      code: "curl_does_not_resolve",
      level: "warning",
      message: `curl does not find names such as ${host}.`,
      fix: "Use curl 7.77 or newer, or the direct URL of a service: wt status",
    });
  }
  return findings;
}

async function resolvesHere(): Promise<boolean> {
  try {
    const addresses = await lookup(host, { all: true });
    return addresses.length > 0 && addresses.every(({ address }) => address.startsWith("127.") || address === "::1");
  } catch {
    return false;
  }
}

/** Null without curl. Code 6 is "could not resolve host"; a refused connection means that it resolved. */
async function resolvesInCurl(env: Record<string, string>): Promise<boolean | null> {
  if (!Bun.which("curl", { PATH: env.PATH ?? "" })) return null;
  const command = ["curl", "--silent", "--noproxy", "*", "--max-time", "2", "--output", "/dev/null", `http://${host}:9/`];
  const { code } = await exec(command, { cwd: "/", env });
  return code !== 6;
}
