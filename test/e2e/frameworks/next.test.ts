import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { startChromium } from "../../support/chromium.ts";
import { expectApart, expectListening, heading, hostsOf, openBoth, stopsCleanly } from "../../support/framework-checks.ts";
import { frameworkDeadlineMs, frameworkWorld, missing } from "../../support/framework-world.ts";

test.skipIf(missing("npm", "chromium") !== null)(
  "Next.js in two worktrees: own pages, hydrated, and an edit arrives through the gateway",
  async () => {
    await using framework = await frameworkWorld({ app: "next", file: "app/page.js" });
    await using browser = await startChromium();
    const { world, a, b } = framework;
    await expectApart(framework, "web");
    const [pageA, pageB] = await openBoth(browser, framework);
    for (const [page, { slug }] of [
      [pageA, a],
      [pageB, b],
    ] as const) {
      const hydrated = `hydrated on ${slug}.localhost:${world.gatewayPort}`;
      expect(await page.waitFor("document.querySelector('p').textContent", hydrated)).toBe(hydrated);
      await expectListening(page, `${slug}.localhost:${world.gatewayPort}`);
      await page.evaluate("window.loadedOnce = true");
    }
    // Next makes request.url from the address it listens on.
    const redirect = await world.fetch("a.localhost", "/go");
    expect(redirect.headers.get("location")).toBe(`http://a.localhost:${world.gatewayPort}/`);
    const source = readFileSync(`${a.path}/app/page.js`, "utf8");
    await world.write({ "app/page.js": source.replace("this is a", "edited in a") }, a.path);
    expect(await pageA.waitFor(heading, "edited in a")).toBe("edited in a");
    expect(await pageA.evaluate<boolean>("window.loadedOnce")).toBe(true);
    expect(await pageB.evaluate<string>(heading)).toBe("this is b");
    expect(hostsOf(pageA)).toEqual([`a.localhost:${world.gatewayPort}`]);
    expect(hostsOf(pageB)).toEqual([`b.localhost:${world.gatewayPort}`]);
    expect([...pageA.errors, ...pageB.errors]).toEqual([]);
    await stopsCleanly(framework);
  },
  frameworkDeadlineMs,
);
