import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { startChromium } from "../../support/chromium.ts";
import { expectApart, expectListening, heading, hostsOf, openBoth, stopsCleanly } from "../../support/framework-checks.ts";
import { frameworkDeadlineMs, frameworkWorld, missing } from "../../support/framework-world.ts";

test.skipIf(missing("npm", "chromium") !== null)(
  "Vite with React in two worktrees: own pages, and hot updates through the gateway without a reload",
  async () => {
    await using framework = await frameworkWorld({ app: "vite-react", file: "src/app.jsx" });
    await using browser = await startChromium();
    const { world, a, b } = framework;
    await expectApart(framework, "frontend", "/src/app.jsx");
    const [pageA, pageB] = await openBoth(browser, framework);
    for (const page of [pageA, pageB]) {
      await page.evaluate("window.loadedOnce = true; document.querySelector('button').click()");
      expect(await page.waitFor("document.querySelector('button').textContent", "1")).toBe("1");
    }
    for (const [page, { slug }] of [
      [pageA, a],
      [pageB, b],
    ] as const) {
      await expectListening(page, `${slug}.localhost:${world.gatewayPort}`);
      expect(page.webSockets).toHaveLength(1);
    }

    const source = readFileSync(`${a.path}/src/app.jsx`, "utf8");
    await world.write({ "src/app.jsx": source.replace("this is a", "edited in a") }, a.path);
    expect(await pageA.waitFor(heading, "edited in a")).toBe("edited in a");
    await world.write({ "src/app.css": "h1 { color: rgb(7, 8, 9); }\n" }, a.path);
    const colour = "getComputedStyle(document.querySelector('h1')).color";
    expect(await pageA.waitFor(colour, "rgb(7, 8, 9)")).toBe("rgb(7, 8, 9)");

    // The component kept its state, and the page its window: nothing was loaded anew.
    const kept = "[window.loadedOnce, document.querySelector('button').textContent]";
    expect(await pageA.evaluate<unknown[]>(kept)).toEqual([true, "1"]);
    expect(await pageB.evaluate<unknown[]>(kept)).toEqual([true, "1"]);
    expect(await pageB.evaluate<string>(heading)).toBe("this is b");
    expect(await pageB.evaluate<string>(colour)).toBe("rgb(1, 2, 3)");
    expect(hostsOf(pageA)).toEqual([`a.localhost:${world.gatewayPort}`]);
    expect(hostsOf(pageB)).toEqual([`b.localhost:${world.gatewayPort}`]);
    expect([...pageA.errors, ...pageB.errors]).toEqual([]);
    await stopsCleanly(framework);
  },
  frameworkDeadlineMs,
);
