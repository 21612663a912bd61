import type { ServicePlan } from "../environment/service-plan.ts";
import { WtError } from "../errors/wt-error.ts";
import { isPortFree } from "../os/ports.ts";
import type { RuntimeDriver } from "../runtime/runtime-driver.ts";
import { portHolderName } from "./port-holder.ts";
import { spokenName } from "./shared-names.ts";

/** Throws `WtError` (`machine`, `port_held`) when the port of a service that is to be started is somebody else's. */
export async function requirePort(driver: RuntimeDriver, plan: ServicePlan): Promise<void> {
  const { port, service, container } = plan.spec;
  if (port === null || (await isPortFree(port)) || (container && (await isOwnContainer(driver, plan, port)))) return;
  const [who, name] = [await portHolderName(port), spokenName(service)];
  throw new WtError({
    kind: "machine",
    code: "port_held",
    message: `Port ${port} of ${name} is held by ${who}.`,
    hints: [`End that program, then run \`wt restart ${name}\`.`],
  });
}

/** Somebody has started the container by hand (`docker restart`, an editor): starting it takes it over as it runs. */
async function isOwnContainer(driver: RuntimeDriver, { spec }: ServicePlan, port: number): Promise<boolean> {
  const running = await driver.find({ environmentId: spec.environmentId, nonce: spec.nonce }).catch(() => []);
  // One without a pid is a container. Where it publishes the port nobody else listens, and perhaps nobody in it yet.
  const holders = await Promise.all(running.filter(({ pid }) => pid === null).map((one) => driver.listener(one, port)));
  return holders.some(({ owner }) => owner === "ours" || owner === "nobody");
}
