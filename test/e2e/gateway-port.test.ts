import { expect, test } from "bun:test";
import { createServer } from "node:net";
import { hermeticWorld } from "../support/hermetic-world.ts";
import { smallApp } from "../support/small-app.ts";

test("a stranger on the gateway's port: create says so, and takes the port up once it is free", async () => {
  await using world = await hermeticWorld();
  const stranger = createServer((socket) => socket.end());
  await new Promise<void>((listening) => stranger.listen(world.gatewayPort, "127.0.0.1", listening));
  try {
    await world.write(smallApp);
    await world.commit("first");
    await world.ok(["trust", "--yes"]);
    const created = await world.wt(["create", "a"]);
    expect(created.code).toBe(0);
    expect(created.stderr).toContain(`The gateway's port ${world.gatewayPort} is held by`);
    const doctor = await world.wt(["doctor", "--json"]);
    expect(JSON.parse(doctor.stdout).findings.map((one: { code: string }) => one.code)).toContain("gateway_port_taken");
  } finally {
    await new Promise((closed) => stranger.close(closed));
  }
  const answer = async () => {
    for (;;) {
      const response = await world.fetch("a.localhost").catch(() => null);
      if (response?.ok) return response.text();
      await Bun.sleep(100);
    }
  };
  expect(await answer()).toContain("web of a");
}, 60_000);
