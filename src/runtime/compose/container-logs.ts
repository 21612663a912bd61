// The containers whose logs this driver copies: each start once, and to its end.
import type { Clock } from "../../os/clock.ts";
import type { DockerEngine } from "../../os/docker-engine.ts";
import type { LogFiles } from "../../os/log-files/log-files.ts";
import type { ContainerIdentity } from "./container-identity.ts";
import { type ContainerLog, followContainer } from "./container-log.ts";

export interface ContainerLogs {
  /** From now on everything of this start comes into its log. Nothing changes when it does already. */
  follow(identity: ContainerIdentity, options: { fresh: boolean }): void;
  /** It has ended: resolves when all it wrote is in its log, as long as that takes no more than ten seconds. */
  finish(identity: ContainerIdentity): Promise<void>;
  /** The same for every start of the container that is still being copied. */
  settled(container: string): Promise<void>;
  close(): Promise<void>;
}

export interface ContainerLogsOptions {
  clock: Clock;
  logs: LogFiles;
  engineAt(socketPath: string): DockerEngine;
}

const finishWithinMs = 10_000;

export function createContainerLogs({ clock, logs, engineAt }: ContainerLogsOptions): ContainerLogs {
  const copying = new Map<string, { container: string; log: ContainerLog }>();
  /** Starts whose log is complete. */
  const finished = new Set<string>();
  const copyingOf = (container: string) =>
    [...copying.values()].filter((each) => each.container === container).map(({ log }) => log.complete);
  const keyOf = ({ container, startedAt }: ContainerIdentity) => `${container} ${startedAt}`;

  const follow = (identity: ContainerIdentity, { fresh }: { fresh: boolean }): ContainerLog | null => {
    const { container, logPath, endpoint } = identity;
    const key = keyOf(identity);
    const running = copying.get(key);
    if (running) return running.log;
    if (logPath === null || finished.has(key)) return null;
    const after = Promise.all(copyingOf(container));
    const log = followContainer({ engine: engineAt(endpoint), clock, container, startedAt: identity.startedAt, logPath, fresh, after });
    copying.set(key, { container, log });
    logs.serviceStarted(logPath);
    void log.complete.then(() => {
      copying.delete(key);
      finished.add(key);
      logs.serviceEnded(logPath);
    });
    return log;
  };

  const withinLimit = (work: Promise<void>[]) => {
    const limit = new AbortController();
    return Promise.race([Promise.all(work), clock.sleep(finishWithinMs, limit.signal).catch(() => undefined)]).finally(() =>
      limit.abort(new Error("done")),
    );
  };

  return {
    follow: (identity, options) => void follow(identity, options),
    async finish(identity) {
      const log = follow(identity, { fresh: false });
      if (log) await withinLimit([log.complete]);
    },
    async settled(container) {
      await withinLimit(copyingOf(container));
    },
    async close() {
      const all = [...copying.values()];
      for (const { log } of all) log.close();
      await Promise.all(all.map(({ log }) => log.complete));
    },
  };
}
