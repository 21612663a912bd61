import type { BranchServer } from "./branch-server.ts";
export function createDatabaseOnServer(_: { path: string }): BranchServer {
  return {} as BranchServer;
}
