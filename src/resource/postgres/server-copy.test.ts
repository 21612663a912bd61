// Copies on a real PostgreSQL 18 whose files lie on file systems that share blocks, and on one that does not.
import { expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { type ImageKind, mountLoopImage, whyNoImage } from "../../os/loop-image.conformance.ts";
import { createPostgresHarness } from "./postgres-harness.conformance.ts";
import { startTestServer } from "./test-server.conformance.ts";

setDefaultTimeout(120_000);

for (const [kind, shares] of [
  ["xfs", true],
  ["btrfs", true],
  ["ext4", false],
] as [ImageKind, boolean][]) {
  const why = whyNoImage(kind);
  (why ? test.skip : test)(
    `a large template on ${kind} ${shares ? "shares its blocks" : "is copied"}${why ? ` (skipped: ${why})` : ""}`,
    async () => {
      using image = mountLoopImage(kind, 1_500);
      // The server's user has to get in.
      chmodSync(dirname(image.place), 0o755);
      const world = await createPostgresHarness();
      const server = await startTestServer({ major: 18, parent: image.place });
      try {
        await server.admin("CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'b'");
        await server.admin("CREATE DATABASE large");
        await server.admin("CREATE TABLE t AS SELECT i, repeat('x', 900) AS text FROM generate_series(1, 150000) i", "large");
        await server.admin("CHECKPOINT");
        const bytes = Number((await server.admin("SELECT pg_database_size('large') AS bytes"))[0]?.bytes);
        const free = () => {
          Bun.spawnSync(["sync", "-f", image.place]);
          const { bfree, bsize } = statfsSync(image.place);
          return bfree * bsize;
        };
        const before = free();
        const spec = await world.spec("copy", { server: server.url("boss", "b"), from: "large" });
        const { values } = await world.driver.ensure(spec, world.call());
        const used = before - free();
        expect(bytes).toBeGreaterThan(150e6);
        if (shares) expect(used).toBeLessThan(bytes / 3);
        else expect(used).toBeGreaterThan(bytes / 2);
        expect(await world.query(values.url ?? "", "SELECT count(*)::int AS n FROM t")).toEqual([{ n: 150_000 }]);
        await world.driver.remove(spec);
      } finally {
        await world.dispose();
        await server.dispose();
      }
    },
  );
}
