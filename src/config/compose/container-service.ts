// A service of wt.yaml (or of nobody's) completed by what the compose file says. What wt.yaml says itself wins.
import type { ReadyProbe, ServiceConfig } from "../config.ts";
import type { WrittenService } from "../schema.ts";
import type { ComposeServiceOutline } from "./compose-outline.ts";

export interface ContainerContext {
  written: WrittenService;
  /** Others wait for its end. */
  job: boolean;
  /** wt's names of the services it needs. */
  needs: string[];
}

/** Migrations and seeds take longer than a start. */
const jobTimeoutMs = 600_000;

export function containerService(service: ServiceConfig, outlined: ComposeServiceOutline, context: ContainerContext): ServiceConfig {
  const { written, job, needs } = context;
  const leased = written.port === undefined && service.port.kind === "none" && outlined.publishes;
  const port: ServiceConfig["port"] = leased ? { kind: "leased" } : service.port;
  const known = outlined.published.length > 0 ? outlined.published : outlined.exposed;
  const target = written.target ?? known[0] ?? (port.kind === "none" ? null : (outlined.imagePorts[0] ?? null));
  const ready = written.ready === undefined ? readiness({ ...service, port }, outlined, job) : service.ready;
  return {
    ...service,
    container: {
      service: outlined.name,
      target,
      healthcheck: outlined.healthcheck,
    },
    port,
    ready,
    readyTimeoutMs: written.timeout === undefined && ready.kind === "completed" ? jobTimeoutMs : service.readyTimeoutMs,
    needs: [...new Set([...service.needs, ...needs])],
    restart: written.restart ?? outlined.restart,
    stop: {
      signal: written.stop?.signal ?? signalOf(outlined.stopSignal) ?? service.stop.signal,
      graceMs: written.stop?.grace === undefined ? (outlined.stopGraceMs ?? service.stop.graceMs) : service.stop.graceMs,
    },
  };
}

function readiness(service: Pick<ServiceConfig, "routes" | "port">, outlined: ComposeServiceOutline, job: boolean): ReadyProbe {
  if (job) return { kind: "completed" };
  if (outlined.healthcheck) return { kind: "healthcheck" };
  if (service.port.kind === "none") return { kind: "none" };
  return service.routes.length > 0 ? { kind: "http", path: "/", status: null } : { kind: "tcp" };
}

const signals: Readonly<Record<string, ServiceConfig["stop"]["signal"]>> = {
  INT: "SIGINT",
  QUIT: "SIGQUIT",
  HUP: "SIGHUP",
  KILL: "SIGKILL",
  TERM: "SIGTERM",
};

/** null: the image decides, or it is one that wt does not send. */
function signalOf(written: string | null): ServiceConfig["stop"]["signal"] | null {
  const name = written?.toUpperCase().replace(/^SIG/, "") ?? "";
  return Object.hasOwn(signals, name) ? (signals[name] ?? null) : null;
}
