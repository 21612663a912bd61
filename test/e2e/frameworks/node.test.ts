import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { startChromium } from "../../support/chromium.ts";
import { expectApart, expectListening, heading, hostsOf, openBoth, stopsCleanly } from "../../support/framework-checks.ts";
import { frameworkDeadlineMs, frameworkWorld, missing } from "../../support/framework-world.ts";

const skipped = missing("npm") !== null;

test.skipIf(skipped)(
  "Express in two worktrees: it reads PORT and sees the public host",
  async () => {
    await using framework = await frameworkWorld({ app: "express", file: "server.js" });
    const { world } = framework;
    await expectApart(framework, "backend");
    expect(await (await world.fetch("a.localhost")).text()).toContain(`<p>a.localhost:${world.gatewayPort}</p>`);
    await stopsCleanly(framework);
  },
  frameworkDeadlineMs,
);

for (const [app, file] of [
  ["astro", "src/pages/index.astro"],
  ["nuxt", "app.vue"],
] as const) {
  test.skipIf(skipped || missing("chromium") !== null)(
    `${app} in two worktrees: own pages, and their browser code connects to the gateway alone`,
    async () => {
      await using framework = await frameworkWorld({ app, file });
      await using browser = await startChromium();
      const { world, a } = framework;
      await expectApart(framework, "web");
      const [pageA, pageB] = await openBoth(browser, framework);
      await expectListening(pageA, `a.localhost:${world.gatewayPort}`);
      await expectListening(pageB, `b.localhost:${world.gatewayPort}`);
      const source = readFileSync(`${a.path}/${file}`, "utf8");
      await world.write({ [file]: source.replace("this is a", "edited in a") }, a.path);
      expect(await pageA.waitFor(heading, "edited in a")).toBe("edited in a");
      expect(await pageB.evaluate<string>(heading)).toBe("this is b");
      expect(hostsOf(pageA)).toEqual([`a.localhost:${world.gatewayPort}`]);
      expect(hostsOf(pageB)).toEqual([`b.localhost:${world.gatewayPort}`]);
      await stopsCleanly(framework);
    },
    frameworkDeadlineMs,
  );
}
