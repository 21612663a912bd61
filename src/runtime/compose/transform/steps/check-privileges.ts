import { posix } from "node:path";
import { type ComposeObject, isObject, listOf, objectOf, textOf } from "../compose-model.ts";
import { refuse, type StackEdit, servicesOf, warn } from "../stack-edit.ts";

const dangerous = new Set([
  "ALL",
  "AUDIT_CONTROL",
  "BPF",
  "CHECKPOINT_RESTORE",
  "DAC_READ_SEARCH",
  "MAC_ADMIN",
  "MAC_OVERRIDE",
  "PERFMON",
  "SYS_ADMIN",
  "SYS_BOOT",
  "SYS_MODULE",
  "SYS_RAWIO",
  "SYS_TIME",
]);
/** Disks, memory, what people type and see, and directories that hold such things. */
const hostDevices =
  /^\/dev\/?$|^\/dev\/((sd|hd|vd|xvd|nvme|mmcblk|md|dm-|loop|nbd|rbd|zd|sg|sr|st|mtd|pmem|ram)\w*|(mapper|disk|block|char|bsg|input|vfio)(\/.*)?|mem|kmem|kmsg|port|root|nvram|uinput|uhid|hidraw\d+|console|tty\d*|vcs\w*|fb\d+)$/;
/** `vendor.com/class=name`: what somebody with root has described under that name. */
const describedDevice = /^[\w.-]+\/[\w.-]+=/;
const usualRuntimes = new Set(["", "runc", "crun", "io.containerd.runc.v2"]);
const usualSecurity = /^(no-new-privileges(:(true|false))?|apparmor:docker-default|seccomp:builtin|label:level:.*)$/;

/** What weakens or breaks the wall between a container and the host. */
export function checkPrivileges(stack: StackEdit): void {
  for (const [service, definition] of servicesOf(stack)) {
    refuseRoot(stack, service, definition);
    checkDevices(stack, service, definition);
    checkSecurityOptions(stack, service, definition);
    checkSettings(stack, service, definition);
    refuseModels(stack, service, definition);
    for (const key of ["post_start", "pre_stop"]) checkHooks(stack, { service, key }, listOf(definition[key]));
  }
}

function refuseRoot(stack: StackEdit, service: string, definition: Readonly<ComposeObject>): void {
  const say = (key: string, what: string) =>
    refuse(stack, { rule: "privileged", service, key, message: `${service} ${what}, which is as good as root on the host.` });
  if (definition.privileged === true) say("privileged", "is privileged");
  if (definition.use_api_socket === true) say("use_api_socket", "gets the container engine's socket");
  for (const capability of listOf(definition.cap_add)) {
    const name = String(capability).toUpperCase().replace(/^CAP_/, "");
    if (!dangerous.has(name)) continue;
    const message = `${service} adds the capability ${name}, which leads out of a container.`;
    refuse(stack, { rule: "capability", service, key: "cap_add", details: [name], message });
  }
  if (definition.credential_spec !== undefined && definition.credential_spec !== null) {
    const message = `${service} gets an account of the host (credential_spec).`;
    refuse(stack, { rule: "credentials", service, key: "credential_spec", message });
  }
}

function checkDevices(stack: StackEdit, service: string, definition: Readonly<ComposeObject>): void {
  for (const entry of listOf(definition.devices)) {
    const written = isObject(entry) ? textOf(entry.source) : (textOf(entry)?.split(":")[0] ?? null);
    if (written === null) continue;
    const source = written.startsWith("/") ? posix.normalize(written) : written;
    if (describedDevice.test(source) || (source.startsWith("/dev/") && !hostDevices.test(source))) {
      weaken(stack, { service, key: "devices" }, `${service} gets ${source} of the host, and so do all environments.`);
    } else {
      const what = hostDevices.test(source) ? "and with it what is stored, typed or shown there" : "which is no device under /dev";
      const message = `${service} gets ${source} of the host, ${what}.`;
      refuse(stack, { rule: "device", service, key: "devices", details: [source], message });
    }
  }
  for (const rule of listOf(definition.device_cgroup_rules)) {
    const message = `${service} may use devices of the host by the rule ${String(rule)}.`;
    refuse(stack, { rule: "device", service, key: "device_cgroup_rules", details: [String(rule)], message });
  }
  const reserved = objectOf(objectOf(objectOf(definition.deploy).resources).reservations).devices;
  const gpus = { gpus: definition.gpus, "deploy.resources.reservations.devices": reserved };
  for (const [key, value] of Object.entries(gpus)) {
    if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) continue;
    weaken(stack, { service, key }, `${service} gets devices of the host such as GPUs (${key}), and so do all environments.`);
  }
}

function checkSecurityOptions(stack: StackEdit, service: string, definition: Readonly<ComposeObject>): void {
  for (const entry of listOf(definition.security_opt)) {
    const option = String(entry).replace("=", ":");
    if (option === "systempaths:unconfined" || option.startsWith("unmask:")) {
      const message = `${service} can write to the kernel's settings (${option}).`;
      refuse(stack, { rule: "unconfined", service, key: "security_opt", details: [option], message });
    } else if (!usualSecurity.test(option)) {
      weaken(stack, { service, key: "security_opt" }, `${service} runs with ${option}.`);
    }
  }
}

function checkSettings(stack: StackEdit, service: string, definition: Readonly<ComposeObject>): void {
  for (const key of ["userns_mode", "cgroup"]) {
    if (definition[key] === "host") weaken(stack, { service, key }, `${service} has ${key}: host.`);
  }
  const parent = textOf(definition.cgroup_parent);
  if (parent !== null)
    weaken(stack, { service, key: "cgroup_parent" }, `${service} shares the cgroup ${parent}, and its limits, with other environments.`);
  const runtime = textOf(definition.runtime) ?? "";
  if (!usualRuntimes.has(runtime))
    weaken(stack, { service, key: "runtime" }, `${service} runs by ${runtime}, whose walls may be others than the usual ones.`);
}

/** They are run by a plugin on the host, and the same ones serve everybody. */
function refuseModels(stack: StackEdit, service: string, { models }: Readonly<ComposeObject>): void {
  for (const model of Array.isArray(models) ? models.map(String) : Object.keys(objectOf(models))) {
    const message = `${service} uses the model ${model}, for which Compose runs a plugin on the host; all environments would use the same one.`;
    refuse(stack, { rule: "model", service, key: "models", details: [model], message });
  }
}

function checkHooks(stack: StackEdit, place: { service: string; key: string }, hooks: readonly unknown[]): void {
  const { service, key } = place;
  if (hooks.length === 0) return;
  if (hooks.some((hook) => objectOf(hook).privileged === true)) {
    const message = `${service} has a privileged command under ${key}, which is as good as root on the host.`;
    refuse(stack, { rule: "privileged", ...place, message });
  }
  warn(stack, {
    rule: "lifecycle-hook",
    ...place,
    message: `${service} has ${key}, which does not run: wt starts and stops the container itself.`,
  });
}

function weaken(stack: StackEdit, place: { service: string; key: string }, message: string): void {
  warn(stack, { rule: "weakened", ...place, message });
}
