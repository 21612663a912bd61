import { expect, test } from "bun:test";
import { testWorld } from "../../test/support/daemon-world.ts";
import { beginNonces, isOwnNonce, newNonce } from "./world-nonce.ts";

test("nonces of one ledger are known as its own; after a loss it knows only those that it gives from then on", async () => {
  await using one = await testWorld({}, {});
  await using other = await testWorld({}, {});
  const [ledger, stranger] = [one.world.ledger, other.world.ledger];
  const nonces = Array.from({ length: 50 }, () => newNonce(ledger));
  expect(new Set(nonces).size).toBe(50);
  for (const nonce of nonces) {
    expect(nonce).toMatch(/^[0-9a-f]{32}$/);
    expect([isOwnNonce(ledger, nonce), isOwnNonce(stranger, nonce)]).toEqual([true, false]);
  }
  const [before = ""] = nonces;
  beginNonces(ledger);
  expect([isOwnNonce(ledger, before), isOwnNonce(ledger, newNonce(ledger))]).toEqual([false, true]);
});
