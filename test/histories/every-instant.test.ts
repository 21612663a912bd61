// A part of what `npm run test:histories -- --every-instant` does: other instants in each run.
import { describe, expect, test } from "bun:test";
import { scenes, strikeEverywhere, ways } from "./every-instant.ts";
import { emptyTally } from "./live-history.ts";

const seed = Math.floor(Math.random() * 1000);
const step = 40;

describe.each(scenes)("$name", (scene) => {
  test(
    `cut off or refused, from ${seed}`,
    async () => {
      const tally = emptyTally();
      for (const way of [ways[seed % 3], ways[3 + (seed % (ways.length - 3))]]) {
        if (way) await strikeEverywhere(scene, { way, first: 1 + (seed % step), step }, tally);
      }
      expect(tally.commands).toBeGreaterThan(0);
    },
    3 * 60_000,
  );
});
