// Processes and containers behind one driver: each instance goes to the driver that made it. Where nothing is a container, Docker is never asked.
import type { RuntimeDriver, ServiceInstance } from "../runtime/runtime-driver.ts";

export interface CombinedDrivers {
  processes: RuntimeDriver;
  containers: RuntimeDriver;
  /** Whether an environment has containers, or may have. */
  hasContainers: (environmentId: string) => boolean;
}

export function createCombinedDriver({ processes, containers, hasContainers }: CombinedDrivers): RuntimeDriver {
  const of = (instance: ServiceInstance) => (instance.driver === containers.name ? containers : processes);
  return {
    name: "combined",
    features: processes.features,
    start: (spec) => (spec.container ? containers : processes).start(spec),
    observe: (instance) => of(instance).observe(instance),
    waitForEnd: (instance, abort, sight) => of(instance).waitForEnd(instance, abort, sight),
    waitForCommand: (instance, abort) => of(instance).waitForCommand(instance, abort),
    stop: (instance, policy) => of(instance).stop(instance, policy),
    pause: (instance) => of(instance).pause(instance),
    resume: (instance) => of(instance).resume(instance),
    async find(mark) {
      const asked = hasContainers(mark.environmentId) ? [processes, containers] : [processes];
      return (await Promise.all(asked.map((driver) => driver.find(mark)))).flat();
    },
    ...(processes.marks ? { marks: processes.marks.bind(processes) } : {}),
    listener: (instance, port) => of(instance).listener(instance, port),
    // The containers' driver writes the same files.
    logs: (query, abort) => processes.logs(query, abort),
    removeLogs: (logPath) => processes.removeLogs(logPath),
    async close() {
      await Promise.all([processes.close(), containers.close()]);
    },
  };
}
