import { type ComposeObject, isObject, listOf, objectOf, textOf } from "../compose-model.ts";
import { refuse, type StackEdit, servicesOf, warn } from "../stack-edit.ts";

const dangerous = new Set(["ALL", "BPF", "DAC_READ_SEARCH", "SYS_ADMIN", "SYS_BOOT", "SYS_MODULE", "SYS_RAWIO", "SYS_TIME"]);
const hostStorage = /^\/dev\/(sd|hd|vd|xvd|nvme|mmcblk|md|dm-|loop|mapper\/|disk\/|mem$|kmem$|port$)/;

/** What weakens or breaks the wall between a container and the host. */
export function checkPrivileges(stack: StackEdit): void {
  for (const [service, definition] of servicesOf(stack)) {
    refuseRoot(stack, service, definition);
    refuseDevices(stack, service, definition);
    checkSecurityOptions(stack, service, definition);
    for (const key of ["userns_mode", "cgroup"]) {
      if (definition[key] === "host") weaken(stack, { service, key }, `${service} has ${key}: host.`);
    }
    const parent = textOf(definition.cgroup_parent);
    if (parent !== null)
      weaken(stack, { service, key: "cgroup_parent" }, `${service} shares the cgroup ${parent}, and its limits, with other environments.`);
    for (const key of ["post_start", "pre_stop"]) {
      if (listOf(definition[key]).length === 0) continue;
      warn(stack, {
        rule: "lifecycle-hook",
        service,
        key,
        message: `${service} has ${key}, which does not run: wt starts and stops the container itself.`,
      });
    }
  }
}

function refuseRoot(stack: StackEdit, service: string, definition: Readonly<ComposeObject>): void {
  const say = (key: string, details: string[] | undefined, what: string) =>
    refuse(stack, {
      rule: "privileged",
      service,
      key,
      ...(details ? { details } : {}),
      message: `${service} ${what}, which is as good as root on the host.`,
    });
  if (definition.privileged === true) say("privileged", undefined, "is privileged");
  if (definition.use_api_socket === true) say("use_api_socket", undefined, "gets the container engine's socket");
  const build = objectOf(definition.build);
  if (build.privileged === true) say("build.privileged", undefined, "is built privileged");
  for (const entitlement of listOf(build.entitlements)) {
    say("build.entitlements", [String(entitlement)], `is built with the entitlement ${String(entitlement)}`);
  }
  if (build.network === "host") weaken(stack, { service, key: "build.network" }, `The build of ${service} reaches every port of the host.`);
  for (const capability of listOf(definition.cap_add)) {
    const name = String(capability).toUpperCase().replace(/^CAP_/, "");
    if (!dangerous.has(name)) continue;
    const message = `${service} adds the capability ${name}, which leads out of a container.`;
    refuse(stack, { rule: "capability", service, key: "cap_add", details: [name], message });
  }
}

function refuseDevices(stack: StackEdit, service: string, definition: Readonly<ComposeObject>): void {
  for (const entry of listOf(definition.devices)) {
    const source = isObject(entry) ? textOf(entry.source) : (textOf(entry)?.split(":")[0] ?? null);
    if (source === null || !source.startsWith("/")) continue;
    if (hostStorage.test(source)) {
      const message = `${service} gets ${source} of the host, and with it everything that is stored there.`;
      refuse(stack, { rule: "device", service, key: "devices", details: [source], message });
    } else {
      weaken(stack, { service, key: "devices" }, `${service} gets ${source} of the host, and so do all environments.`);
    }
  }
  for (const rule of listOf(definition.device_cgroup_rules)) {
    const message = `${service} may use devices of the host by the rule ${String(rule)}.`;
    refuse(stack, { rule: "device", service, key: "device_cgroup_rules", details: [String(rule)], message });
  }
}

function checkSecurityOptions(stack: StackEdit, service: string, definition: Readonly<ComposeObject>): void {
  for (const entry of listOf(definition.security_opt)) {
    const option = String(entry).replace("=", ":");
    if (option === "systempaths:unconfined") {
      const message = `${service} can write to the kernel's settings (${option}).`;
      refuse(stack, { rule: "unconfined", service, key: "security_opt", details: [option], message });
    } else if (/^(seccomp|apparmor):unconfined$|^label:disable$/.test(option)) {
      weaken(stack, { service, key: "security_opt" }, `${service} runs with ${option}.`);
    }
  }
}

function weaken(stack: StackEdit, place: { service: string; key: string }, message: string): void {
  warn(stack, { rule: "weakened", ...place, message });
}
