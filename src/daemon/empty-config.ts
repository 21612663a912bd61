import type { Config } from "../config/config.ts";

/** For operations that must not depend on a readable wt.yaml. */
export function emptyConfig(project: string): Config {
  return {
    project,
    runtime: "process",
    copy: [],
    clone: [],
    setup: [],
    resources: {},
    services: [],
    hooks: {},
    env: {},
    agent: null,
    worktrees: null,
    undeleteDays: null,
    compose: null,
    origin: { kind: "detected", because: [] },
  };
}
