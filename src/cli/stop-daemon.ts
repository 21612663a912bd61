import { WtError } from "../errors/wt-error.ts";
import type { Context } from "./command.ts";
import { request } from "./daemon-connection.ts";

const deadlineMs = 30_000;

/** Stops the daemon and waits until it is gone; gives its process id, or null when none ran. Services run on unless told otherwise. */
export async function stopDaemon({ connection }: Pick<Context, "connection">, how: { services: boolean }): Promise<number | null> {
  const daemon = await connection.observe();
  if (!daemon) return null;
  const response = await connection.fetchIfRunning("/v1/daemon/stop", request({ services: how.services }));
  await response?.body?.cancel();
  const deadline = performance.now() + deadlineMs;
  while ((await connection.observe())?.pid === daemon.pid) {
    if (performance.now() > deadline) throw doesNotStop(daemon.pid);
    await Bun.sleep(10);
  }
  return daemon.pid;
}

function doesNotStop(pid: number): WtError {
  return new WtError({
    kind: "machine",
    code: "daemon_does_not_stop",
    message: `The daemon (process ${pid}) still answers after ${deadlineMs / 1000} seconds.`,
    hints: [`End it: kill ${pid}`],
    details: { pid },
  });
}
