import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { startChromium } from "../../support/chromium.ts";
import { expectApart, openBoth, stopsCleanly } from "../../support/framework-checks.ts";
import { frameworkDeadlineMs, frameworkWorld, missing } from "../../support/framework-world.ts";
import { eventually } from "../../support/hermetic-world.ts";

const skipped = missing("pip") !== null;

test.skipIf(skipped || missing("chromium") !== null)(
  "Django in two worktrees: own pages under their own hosts, forms with CSRF tokens, reloading after an edit",
  async () => {
    await using framework = await frameworkWorld({ app: "django", file: "site_urls.py" });
    await using browser = await startChromium();
    const { world, a } = framework;
    await expectApart(framework, "web");
    await openBoth(browser, framework);

    const page = await world.fetch("a.localhost");
    const origin = `http://a.localhost:${world.gatewayPort}`;
    expect(await page.text()).toContain(`<p>${origin}/</p>`);
    const token = /csrftoken=(\w+)/.exec(page.headers.get("set-cookie") ?? "")?.[1] ?? "";
    const post = (from: string) =>
      world.fetch("a.localhost", "/", { method: "POST", headers: { cookie: `csrftoken=${token}`, "x-csrftoken": token, origin: from } });
    expect(await (await post(origin)).text()).toBe(`posted to ${origin}/`);
    // The other worktree's pages may not post here.
    expect((await post(`http://b.localhost:${world.gatewayPort}`)).status).toBe(403);

    const source = readFileSync(`${a.path}/site_urls.py`, "utf8");
    await world.write({ "site_urls.py": source.replace("this is a", "edited in a") }, a.path);
    const edited = await eventually(
      async () => await (await world.fetch("a.localhost")).text(),
      (text) => text.includes("edited in a"),
    );
    expect(edited).toContain("edited in a");
    expect(await (await world.fetch("b.localhost")).text()).toContain("this is b");
    expect((await world.status("a")).services[0]).toMatchObject({ state: "Running", restarts: 0 });
    await stopsCleanly(framework);
  },
  frameworkDeadlineMs,
);

test.skipIf(skipped)(
  "FastAPI in two worktrees: uvicorn takes the port, its reloader ends with it",
  async () => {
    await using framework = await frameworkWorld({ app: "fastapi", file: "main.py" });
    const { world, a } = framework;
    await expectApart(framework, "backend");
    const source = readFileSync(`${a.path}/main.py`, "utf8");
    await world.write({ "main.py": source.replace("this is a", "edited in a") }, a.path);
    const edited = await eventually(
      async () => await (await world.fetch("a.localhost")).text(),
      (text) => text.includes("edited in a"),
    );
    expect(edited).toContain("edited in a");
    expect(await (await world.fetch("b.localhost")).text()).toContain("this is b");
    await stopsCleanly(framework);
  },
  frameworkDeadlineMs,
);
