import { type ComposeObject, isObject, listOf, objectOf, textOf } from "../compose-model.ts";
import {
  addAlias,
  editService,
  isKept,
  networksOf,
  refuse,
  type StackEdit,
  sectionOf,
  serviceOf,
  servicesOf,
  warn,
} from "../stack-edit.ts";

const bridge = new Set(["", "bridge", "default"]);
const addressKeys = ["ipv4_address", "ipv6_address", "link_local_ips", "mac_address"] as const;
/** A bridge of a fixed name exists once; the rest lets other machines reach containers without a published port. */
const unfitOptions = ["name", "gateway_mode_ipv4", "gateway_mode_ipv6", "trusted_host_interfaces"].map(
  (name) => `com.docker.network.bridge.${name}`,
);

/** Networks of this stack alone, with ranges of our own; no address is promised to anybody. */
export function ownNetworks(stack: StackEdit): void {
  for (const [key, network] of sectionOf(stack, "networks")) {
    if (network.external === true) refuseExternal(stack, key, network);
    else ownNetwork(stack, key, network);
  }
  for (const [service] of servicesOf(stack)) dropAddresses(stack, service);
  followAddresses(stack);
}

function refuseExternal(stack: StackEdit, key: string, network: Readonly<ComposeObject>): void {
  const name = textOf(network.name) ?? key;
  const place = { service: null, key: `networks.${key}.external`, details: [name] };
  if (name === "host") {
    refuse(stack, {
      rule: "host-namespace",
      ...place,
      message: `The network ${key} is the host's; who is in it shares the host's ports and reaches every environment.`,
    });
  } else {
    const message = `The network ${key} (${name}) exists outside of the project; every environment's services would meet in it under the same names.`;
    refuse(stack, { rule: "external-network", ...place, message });
  }
}

function ownNetwork(stack: StackEdit, key: string, network: Readonly<ComposeObject>): void {
  const { editor, request } = stack;
  const driver = textOf(network.driver) ?? "";
  editor.edit({ path: ["networks", key, "name"], value: `${request.project}_${key}`, rule: "network-name" });
  if (!bridge.has(driver)) {
    const message = `The network ${key} has the driver ${driver}, which reaches beyond this machine's containers.`;
    refuse(stack, { rule: "network-driver", service: null, key: `networks.${key}.driver`, details: [driver], message });
    return;
  }
  const subnet = request.subnets[key];
  const fixed = Object.keys(objectOf(network.ipam)).length > 0;
  if (subnet !== undefined) editor.edit({ path: ["networks", key, "ipam"], value: { config: [{ subnet }] }, rule: "subnet" });
  else if (fixed) editor.edit({ path: ["networks", key, "ipam"], value: {}, rule: "subnet" });
  // Ranges of ours are IPv4.
  if (network.enable_ipv6 === true) editor.edit({ path: ["networks", key, "enable_ipv6"], value: undefined, rule: "subnet" });
  if (network.enable_ipv4 === false) editor.edit({ path: ["networks", key, "enable_ipv4"], value: undefined, rule: "subnet" });
  for (const option of unfitOptions)
    editor.edit({ path: ["networks", key, "driver_opts", option], value: undefined, rule: "network-option" });
}

function dropAddresses(stack: StackEdit, service: string): void {
  editService(stack, { service, key: ["mac_address"], rule: "fixed-address" }, undefined);
  for (const network of Object.keys(objectOf(serviceOf(stack, service)?.networks))) {
    for (const key of addressKeys) editService(stack, { service, key: ["networks", network, key], rule: "fixed-address" }, undefined);
  }
}

/** `extra_hosts` that gave a fixed address a name: the service itself answers to it now. Variables that hold one are named. */
function followAddresses(stack: StackEdit): void {
  const holders = fixedAddresses(stack);
  if (holders.size === 0) return;
  for (const [service, definition] of servicesOf(stack)) {
    followExtraHosts(stack, service, holders);
    for (const [key, value] of Object.entries(objectOf(definition.environment))) {
      for (const [address, holder] of holders) {
        if (!holdsAddress(textOf(value) ?? "", address)) continue;
        const message = `The variable ${key} of ${service} holds ${address}, which ${holder} no longer has; write ${holder} there.`;
        warn(stack, { rule: "address-in-variable", service, key: `environment.${key}`, message });
      }
    }
  }
}

function fixedAddresses(stack: StackEdit): Map<string, string> {
  const holders = new Map<string, string>();
  for (const [service, { networks }] of Object.entries(stack.original.services)) {
    for (const attachment of Object.values(objectOf(networks))) {
      for (const key of ["ipv4_address", "ipv6_address"] as const) {
        const address = textOf(objectOf(attachment)[key]);
        if (address !== null) holders.set(address, service);
      }
    }
  }
  return holders;
}

function followExtraHosts(stack: StackEdit, service: string, holders: ReadonlyMap<string, string>): void {
  const hosts = serviceOf(stack, service)?.extra_hosts;
  const entries = isObject(hosts)
    ? Object.entries(hosts).flatMap(([name, value]) =>
        (Array.isArray(value) ? value : [value]).map((address) => `${name}=${String(address)}`),
      )
    : listOf(hosts).map(String);
  const left = entries.filter((entry) => {
    const [, name = "", address = ""] = /^([^=:]+)[=:]\[?(.*?)\]?$/.exec(entry) ?? [];
    const holder = holders.get(address);
    if (holder === undefined) return true;
    if (isKept(stack, holder)) {
      for (const network of networksOf(serviceOf(stack, holder) ?? {}))
        addAlias(stack, { service: holder, network, rule: "fixed-address" }, name);
    } else {
      stack.sharedNames.push({ service: holder, alias: name });
    }
    return false;
  });
  if (left.length < entries.length) {
    editService(stack, { service, key: ["extra_hosts"], rule: "fixed-address" }, left.length === 0 ? undefined : left);
  }
}

function holdsAddress(text: string, address: string): boolean {
  const at = text.indexOf(address);
  return at >= 0 && !/[\d.]/.test(text[at - 1] ?? "") && !/^(\.?\d)/.test(text.slice(at + address.length));
}
