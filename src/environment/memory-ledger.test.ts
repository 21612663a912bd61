import { ledgerConformance } from "./ledger.conformance.ts";
import { memoryLedger } from "./memory-ledger.ts";

ledgerConformance("memory ledger", (nowMs) => memoryLedger({ nowMs }));
