/** Labels on all that is made for an environment: they, and nothing else, say what is ours. */
export const labels = {
  /** State directory of the world that made it: two worlds on one engine leave each other's things alone. */
  state: "dev.wt.state",
  environment: "dev.wt.environment",
  /** Of wt's project, not of Compose's. */
  project: "dev.wt.project",
  nonce: "dev.wt.nonce",
  /** Of the environment, for people who read `docker ps`. */
  slug: "dev.wt.slug",
  service: "dev.wt.service",
  /** `environment`, `shared` or `one-off`. */
  role: "dev.wt.role",
  /** Of a container: volumes it has by a name in the compose file that looks as if Docker had made it up. */
  namedVolumes: "dev.wt.named-volumes",
} as const;

/** Compose's own, which it puts there itself. */
export const composeLabels = {
  project: "com.docker.compose.project",
  service: "com.docker.compose.service",
  network: "com.docker.compose.network",
  volume: "com.docker.compose.volume",
  /** Only on containers that Compose made (`True` for those of `compose run`): whatever is run from an image by hand inherits all other labels of the image. */
  oneOff: "com.docker.compose.oneoff",
} as const;
