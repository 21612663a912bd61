import type { GatewayView } from "../../api/operations.ts";
import { defineCommand } from "../command.ts";
import type { Paint } from "../paint.ts";
import { tableLines } from "../render/table.ts";

export const gatewayStatus = defineCommand({
  name: "gateway status",
  summary: "Port and routes of the gateway, which gives every environment its URL",
  arguments: [],
  options: {},
  examples: [{ command: "wt gateway status", summary: "which host leads to which service" }],
  async handler(_invocation, context) {
    const gateway = await context.client.call("/v1/gateway", {});
    const { out, paint } = context.terminal;
    if (context.json) await out(`${JSON.stringify({ schema: 1, gateway })}\n`);
    else await out(`${gatewayLines(gateway, paint).join("\n")}\n`);
    return 0;
  },
});

export function gatewayLines(gateway: GatewayView, paint: Paint): string[] {
  const lines = [gatewaySentence(gateway, paint)];
  if (gateway.routes.length === 0) return lines;
  const rows = gateway.routes.map((route) => [
    { text: `${route.host}${route.prefix}`, paint: paint.accent },
    { text: `${route.project}/${route.slug}` },
    { text: route.service },
    { text: String(route.port) },
  ]);
  return [
    ...lines,
    "",
    ...tableLines(["ROUTE", "ENVIRONMENT", "SERVICE", "PORT"], rows, { paintHeader: paint.dim, maxWidth: null, ellipsis: "", shrink: 0 }),
  ];
}

function gatewaySentence(gateway: GatewayView, paint: Paint): string {
  switch (gateway.state) {
    case "listening":
      return `${paint.good("Listening")} on port ${gateway.port}, ${gateway.requests} requests so far; URLs end with ${gateway.urlSuffix}.`;
    case "port_taken":
      return `${paint.bad("Not listening")}: port ${gateway.port} is held by ${gateway.holder ?? "another program"}. Choose another with WT_GATEWAY_PORT.`;
    case "off":
      return `The gateway is ${paint.dim("off")}.`;
  }
}
