import { editService, type StackEdit, servicesOf } from "../stack-edit.ts";

/** The ports of the request and no others, on 127.0.0.1. */
export function publishPorts(stack: StackEdit): void {
  for (const [service] of servicesOf(stack)) {
    const ports = stack.request.ports
      .filter((port) => port.service === service)
      .map(({ target, hostPort, protocol }) => ({
        mode: "ingress",
        host_ip: "127.0.0.1",
        target,
        published: String(hostPort),
        protocol: protocol ?? "tcp",
      }));
    editService(stack, { service, key: ["ports"], rule: "ports" }, ports.length === 0 ? undefined : ports);
  }
}
