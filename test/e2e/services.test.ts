import { expect, test } from "bun:test";
import { hermeticWorld } from "../support/hermetic-world.ts";

const minute = 60_000;

test(
  "a service that waits for one that failed does not keep create waiting, and the answer names both",
  async () => {
    const services = `services:
  web: { run: sleep 1000, port: none, needs: [api] }
  api: { run: "echo no database >&2; exit 3", port: none, restart: never }
`;
    await using world = await hermeticWorld({ files: { "wt.yaml": services } });
    const created = await world.wt(["create", "a"], { abort: AbortSignal.timeout(20_000) });
    expect(created.code).toBe(8);
    expect(created.stderr).toContain("api of a is Failed");
    expect(created.stderr).toContain("web of a is Waiting: It waits for api, which is Failed.");
    expect(created.stderr).toContain("no database");
    expect((await world.status("a")).services.map((service) => service.state)).toEqual(["Waiting", "Failed"]);
  },
  minute,
);
