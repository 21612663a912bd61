// What the present test holds. A test that throws before its `await using` stands, or whose time is over, never disposes of it: `give-up-held.ts` does.

const held = new Set<() => void | Promise<void>>();
let running = false;

/** `giveUp` is called when the present test ends before `release` was. What is made outside of tests (in `beforeAll`, or by a script) is not given up. */
export function holdInTest(giveUp: () => void | Promise<void>): { release: () => void } {
  if (running) held.add(giveUp);
  return { release: () => void held.delete(giveUp) };
}

export function testBegins(): void {
  running = true;
}

/** What was made last goes first. */
export async function testEnds(): Promise<void> {
  running = false;
  const unfinished = [...held].reverse();
  held.clear();
  for (const giveUp of unfinished) await giveUp();
}
