import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ledgerConformance } from "../environment/ledger.conformance.ts";
import { openLedger } from "./sqlite-ledger.ts";

const directory = mkdtempSync(join(tmpdir(), "worldtree-ledger-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let opened = 0;
ledgerConformance("sqlite ledger", (nowMs) => {
  opened += 1;
  return openLedger({ path: join(directory, String(opened), "ledger.sqlite"), nowMs });
});
