// What must hold for every framework with two worktrees up at once.
import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import type { Browser, Page } from "./chromium.ts";
import type { FrameworkWorld } from "./framework-world.ts";
import { holdersOf } from "./framework-world.ts";
import { eventually } from "./hermetic-world.ts";

/** Each answers at `path` with its own content on its own port, held by its own process; the main worktree runs nothing. */
export async function expectApart({ world, a, b }: FrameworkWorld, service: string, path = "/"): Promise<void> {
  for (const environment of [a, b]) {
    expect(environment).toMatchObject({ status: "Healthy", services: [{ name: service, state: "Running", restarts: 0, routes: ["/"] }] });
    const port = environment.services[0]?.port ?? 0;
    const holders = holdersOf(port);
    expect(holders.length).toBeGreaterThan(0);
    for (const holder of holders) expect(holder).toMatchObject({ environment: environment.slug, service });
    for (const host of [`${environment.slug}.localhost`, `${service}.${environment.slug}.localhost`]) {
      const answer = await world.fetch(host, path);
      expect(answer.status).toBe(200);
      const text = await answer.text();
      expect(text).toContain(`this is ${environment.slug}`);
      expect(text).not.toContain(environment === a ? "this is b" : "this is a");
    }
  }
  expect(a.services[0]?.port).not.toBe(b.services[0]?.port ?? null);
  const main = await world.status("main");
  expect(main).toMatchObject({ main: true, status: "Stopped" });
  expect(main.services.filter(({ pid }) => pid !== null)).toEqual([]);
  expect((await world.fetch("main.localhost")).status).toBeGreaterThanOrEqual(400);
}

/** A browser shows each worktree's own page, and nothing the page asks for leaves its host of the gateway. */
export async function openBoth(browser: Browser, { a, b }: FrameworkWorld): Promise<[Page, Page]> {
  const pages = [await browser.open(a.url ?? ""), await browser.open(b.url ?? "")] as [Page, Page];
  expect(await pages[0].waitFor(heading, "this is a")).toBe("this is a");
  expect(await pages[1].waitFor(heading, "this is b")).toBe("this is b");
  return pages;
}

/** The page listens for edits: its WebSocket through the gateway is open and has brought something. */
export async function expectListening(page: Page, host: string): Promise<void> {
  const sockets = await eventually(
    () => page.webSockets.filter((socket) => socket.open && socket.received > 0),
    (found) => found.length > 0,
  );
  expect(sockets.map(({ url }) => new URL(url).host)).toContain(host);
}

export const heading = "document.querySelector('h1')?.textContent ?? null";

/** Hosts with ports that the page talked to. */
export function hostsOf(page: Page): string[] {
  return [...new Set(page.requests.filter((url) => /^(http|ws)s?:/.test(url)).map((url) => new URL(url).host))];
}

export async function stopsCleanly({ world }: FrameworkWorld): Promise<void> {
  await world.ok(["delete", "a", "--force", "--branch"]);
  await world.ok(["down", "b"]);
  const stopped = await world.status("b");
  expect(stopped.services.map(({ port }) => holdersOf(port ?? 0))).toEqual([[]]);
  // The daemon stays; what it runs by itself, such as git and the removal of a large worktree, ends.
  const others = await eventually(
    () =>
      world
        .processes()
        .map(commandOf)
        .filter((command) => !command.includes("daemon run")),
    (commands) => commands.length === 0,
    60_000,
  );
  expect(others).toEqual([]);
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}
