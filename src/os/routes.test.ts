import { expect, test } from "bun:test";
import { parseRoutes } from "./routes.ts";

test("routes of Linux, without the default one, whole or in halves", () => {
  const text = [
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
    "eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0",
    "tun1\t00000000\t0100080A\t0003\t0\t0\t0\t00000080\t0\t0\t0",
    "tun1\t00000080\t0100080A\t0003\t0\t0\t0\t00000080\t0\t0\t0",
    "eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0",
    "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0",
    "tun0\t4000C00A\t00000000\t0001\t0\t0\t0\tC0FFFFFF\t0\t0\t0",
    "",
  ].join("\n");
  expect(parseRoutes(text)).toEqual(["192.168.1.0/24", "172.17.0.0/16", "10.192.0.64/26"]);
});
