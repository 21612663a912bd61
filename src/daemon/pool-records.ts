// What the ledger keeps of members of the pool, as the types have it.
import type { MemberRecord } from "../environment/ledger.ts";
import type { MemberData } from "../environment/pool.ts";
import type { JsonValue } from "../errors/wt-error.ts";

/** As `asJson` wrote it; of one that was never ready, only state, parent and commit are there. */
export function memberData(data: MemberRecord["data"]): MemberData {
  return data as unknown as MemberData;
}

/** It is plain JSON by its type; TypeScript's interfaces have no index signature to say so. */
export function asJson(data: MemberData): { [key: string]: JsonValue } {
  return data as unknown as { [key: string]: JsonValue };
}
