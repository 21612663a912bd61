// Every rule of the transform, with its sentence. `wt explain` prints them, `docs/compose.md` lists them; a test holds the page against these tables.

/** What is changed in the compose project, and why. */
export const rewriteRules = {
  "left-out": "Not part of this stack: shared with all environments, of a profile that is not active, or used by no service here.",
  "project-name": "Each stack has a project name of its own, so that `docker compose` keeps them apart.",
  "container-name": "A fixed name exists once per machine; the old name still resolves in this stack's networks.",
  ports: "Only ports that the ledger leased are published, and only on 127.0.0.1, so that environments never meet on a port.",
  restart: "Docker would bring a sleeping environment back at the next boot; wt starts and restarts its services itself.",
  labels: "By these labels wt finds what is its own, and touches nothing else.",
  "network-name": "Each stack has its own networks; what is in one cannot be reached from another.",
  "volume-name": "Each environment has its own data.",
} as const;

export type RewriteRule = keyof typeof rewriteRules;

/** What is refused as long as `compose.allow` does not name it. */
export const refusalRules = {
  "service-unknown": "A service of the request that the compose file does not have.",
} as const;

export type RefusalRule = keyof typeof refusalRules;

/** What is told and done all the same. */
export const warningRules = {
  "dependency-left-out": "A service waits for one that is not in this stack.",
} as const;

export type WarningRule = keyof typeof warningRules;
