// Nonces of environments. They begin alike as long as one ledger gives them, which tells what this world made and forgot from what another made:
// the path of a state directory is no proof, where several containers or machines with the same paths use one engine.
import { randomBytes } from "node:crypto";
import type { Ledger } from "../environment/ledger.ts";

const beginningSetting = "nonce.beginning";
const beginningBytes = 6;

export function newNonce(ledger: Ledger): string {
  return `${beginning(ledger)}${randomBytes(16 - beginningBytes).toString("hex")}`;
}

/** Whether this ledger has given it, though it may know nothing of it any more. */
export function isOwnNonce(ledger: Ledger, nonce: string): boolean {
  return nonce.startsWith(beginning(ledger));
}

/** After a ledger has lost rows: that it does not know something proves nothing. */
export function beginNonces(ledger: Ledger): void {
  ledger.putSetting(beginningSetting, randomBytes(beginningBytes).toString("hex"));
}

function beginning(ledger: Ledger): string {
  if (ledger.setting(beginningSetting) === null) beginNonces(ledger);
  return ledger.setting(beginningSetting) ?? "";
}
