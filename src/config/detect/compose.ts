// What a compose file proposes: containers of its own for every worktree, and one of each server for all.
import { serviceName } from "../compose/cloned-services.ts";
import type { ComposeOutline, ComposeServiceOutline } from "../compose/compose-outline.ts";
import { composeFileNames, readComposeOutline } from "../compose/read-compose-outline.ts";
import type { RepositoryFiles } from "../config.ts";
import { isProxy } from "./infrastructure.ts";
import { localAddresses } from "./local-addresses.ts";
import { type DetectedService, service } from "./part.ts";
import { type SortedService, sortServices } from "./sort-services.ts";

export interface DetectedCompose {
  /** Empty: those that Compose finds by itself. */
  files: string[];
  /** Folders whose code is in the containers; empty: the file holds servers only, and the app runs without it. */
  covers: string[];
  shared: SharedService[];
  sharedVolumes: string[];
  /** Services that every environment has of its own. */
  services: DetectedService[];
  /** One sentence for each decision. */
  because: string[];
}

export interface SharedService {
  name: string;
  /** `postgres:16 is PostgreSQL`. */
  why: string;
  resource: "postgres" | "mysql" | "mariadb" | "redis" | null;
}

/** Names that people give to the one for development, where the usual one is missing. */
const otherNames = [
  "compose.dev.yaml",
  "compose.dev.yml",
  "docker-compose.dev.yml",
  "docker-compose.local.yml",
  "docker-compose.dev.yaml",
  "local.yml",
];
const folders = ["docker", ".docker", "dev", ".devcontainer", "deploy"];

/** null: there is no compose file, or none that can be read; then `notes` may say why. */
export async function detectCompose(files: RepositoryFiles, notes: string[]): Promise<DetectedCompose | null> {
  const found = await composeFile(files);
  if (found === null) return null;
  const outline = await readComposeOutline(files, { files: found, profiles: [] });
  const [problem] = outline.problems;
  const path = outline.composeFiles[0] ?? "";
  if (problem) {
    notes.push(`${path} is left alone, because it cannot be read: ${problem.message}`);
    return null;
  }
  const sorted = await sortServices(outline.services, files);
  if (sorted.length === 0) return null;
  const twins = sorted.flatMap(({ service: one }) => {
    const other = sorted.find(({ service: { name } }) => name !== one.name && serviceName(name) === serviceName(one.name));
    return other ? [[one.name, other.service.name] as const] : [];
  })[0];
  if (twins) {
    notes.push(`${path} is left alone, because its services ${twins[0]} and ${twins[1]} would both be called ${serviceName(twins[0])}.`);
    return null;
  }
  return proposal(outline, sorted, { files: found, path });
}

/** Empty: what Compose finds by itself. */
async function composeFile(files: RepositoryFiles): Promise<string[] | null> {
  const top = await files.list(".");
  if (composeFileNames.some((name) => top.includes(name))) return [];
  const beside = otherNames.find((name) => top.includes(name));
  const candidates = beside ? [beside] : [];
  for (const folder of folders.filter((name) => top.includes(`${name}/`))) {
    const names = await files.list(folder);
    for (const name of [...composeFileNames, ...otherNames]) if (names.includes(name)) candidates.push(`${folder}/${name}`);
  }
  for (const path of candidates) if (/^services:/m.test((await files.read(path)) ?? "")) return [path];
  return null;
}

function proposal(outline: ComposeOutline, sorted: SortedService[], at: { files: string[]; path: string }): DetectedCompose {
  const own = sorted.filter(({ kind }) => kind !== "shared");
  const app = own.filter(({ kind }) => kind === "app");
  const shared = sorted.flatMap(({ service: { name }, kind, why, infrastructure }): SharedService[] =>
    kind === "shared" ? [{ name, why: `it ${why}`, resource: infrastructure?.resource ?? null }] : [],
  );
  const covers = [
    ...new Set(app.flatMap(({ service: one }) => [one.build?.context ?? null, ...one.mounts.map(({ source }) => source)])),
  ].flatMap((directory) => (directory === null || /\.[a-z]+$/i.test(directory) ? [] : [directory]));
  const because: string[] = [];
  if (app.length > 0) {
    because.push(
      `${at.path} has the app's own containers (${app.map(({ service: one }) => one.name).join(", ")}), so each worktree gets them for itself.`,
    );
    for (const { service: one, why } of own) because.push(`${one.name} ${why}; every environment has its own.`);
    for (const one of shared) because.push(`${one.name} runs once for all worktrees: ${one.why}.`);
    because.push(...notesOnCode(app), ...notesOnQueues(own, sorted), ...notesOnProfiles(outline, at.path));
  }
  const sharedVolumes = outline.volumes.filter((name) => packageCache.test(name));
  for (const name of sharedVolumes)
    because.push(`The volume ${name} is used by all worktrees together: by its name it is a cache of packages.`);
  return { files: at.files, covers, shared, sharedVolumes, services: withRoles(own), because };
}

const packageCache = /^(pip|uv|poetry|npm|yarn|pnpm|cargo|composer|maven|gradle|go|apt|bundler?)[-_]?(mod[-_]?)?(cache|store)$/i;

function notesOnCode(app: SortedService[]): string[] {
  const baked = app.filter(({ service: one }) => one.build && one.mounts.length === 0).map(({ service: one }) => one.name);
  if (baked.length === 0) return [];
  return [
    `${baked.join(", ")} ${baked.length === 1 ? "mounts" : "mount"} nothing of the repository, so a change of code shows after the image is built anew.`,
  ];
}

/** What one worktree puts into a queue, a worker of another might take out. */
function notesOnQueues(own: SortedService[], all: SortedService[]): string[] {
  const workers = own.filter(({ service: one }) => workerNames.test(one.name));
  const queues = all.filter(
    ({ service: one, kind, infrastructure }) =>
      kind === "shared" &&
      /Redis|RabbitMQ|NATS|Kafka/.test(infrastructure?.label ?? "") &&
      workers.some((worker) => worker.service.dependsOn.some(({ service: name }) => name === one.name)),
  );
  return queues.map(({ service: one, infrastructure }) => {
    const remedy = infrastructure?.resource ? "give each its own part under `resources` below" : `take ${one.name} out of \`shared\``;
    return `Workers of all worktrees take from the same queues in ${one.name}: where that matters, ${remedy}.`;
  });
}

function notesOnProfiles(outline: ComposeOutline, path: string): string[] {
  const gated = outline.services.filter((one) => !one.active && one.profiles.length > 0);
  if (gated.length === 0) return [];
  const profiles = [...new Set(gated.flatMap((one) => one.profiles))];
  const names = gated.map((one) => one.name).join(", ");
  return [
    `${names} of ${path} ${gated.length === 1 ? "is" : "are"} left out: ${gated.length === 1 ? "it needs" : "they need"} a profile (${profiles.join(", ")}).`,
  ];
}

/** Servers of what pages load, and tools: on their own host name. */
const assetNames = /(^|[-_])(vite|webpack(er)?|assets?|hmr|esbuild|tailwind|css|storybook|browser-?sync|flower|swagger|docs)([-_]|$)/i;
const workerNames = /(worker|celery|sidekiq|resque|beat|queue|cron|scheduler|consumer|jobs?|migrat|seed|console|shell)/i;
const frontNames = /(^|[-_])(frontend|front|client|ui|www|site|spa|next|nuxt)([-_]|$)/i;
const apiNames = /(^|[-_])(api|backend|back|server|graphql)([-_]|$)/i;
/** Ports of debuggers and of servers that speak no HTTP. */
const noHttp = new Set([1234, 5678, 9229, 9003, 5432, 3306, 6379, 11_211, 5672, 27_017, 4222, 9092, 1025, 25]);

function withRoles(own: SortedService[]): DetectedService[] {
  const front = own.some(({ service: one }) => frontNames.test(one.name) && portOf(one) !== null);
  const services = own.map(({ service: one, base }): DetectedService & { proxy: boolean } => {
    const port = portOf(one);
    const target = port !== null && port !== knownPorts(one)[0] ? port : null;
    const directory = one.build?.context ?? one.mounts[0]?.source ?? ".";
    const common = { name: serviceName(one.name), run: "", directory, container: { target } };
    const proxy = isProxy(base) && port !== null && one.publishes;
    return {
      ...service({
        ...common,
        role: port === null || (workerNames.test(one.name) && !one.publishes) ? "worker" : roleOf(one.name, front && !proxy),
      }),
      proxy,
    };
  });
  const proxy = services.find((one) => one.proxy);
  if (proxy) {
    // It passes on to the others what is theirs.
    for (const [index, one] of services.entries()) {
      if (one === proxy) one.role = "pages";
      else if (one.role !== "worker") one.role = own[index]?.service.publishes ? "assets" : "worker";
    }
  } else if (!services.some((one) => one.role === "pages")) {
    const assets = services.find((one) => one.role === "assets");
    if (assets && services.some((one) => one.role === "api")) assets.role = "pages";
  }
  const answering = services.filter(({ role }) => role !== "worker");
  const all = own.map(({ service: each }) => each);
  return services.map(({ proxy: _, ...one }, index) => {
    const written = all[index];
    return written ? { ...one, env: localAddresses(written, { all, answering }) } : one;
  });
}

function roleOf(name: string, hasFront: boolean): DetectedService["role"] {
  if (frontNames.test(name)) return "pages";
  if (assetNames.test(name)) return "assets";
  // Beside a frontend of its own a framework is what that one calls.
  return apiNames.test(name) || hasFront ? "api" : "pages";
}

function knownPorts(one: ComposeServiceOutline): number[] {
  return one.published.length > 0 ? one.published : one.exposed;
}

/** Where it may answer HTTP; a Dockerfile's ports count only for what starts no other command, since workers share images. */
function portOf(one: ComposeServiceOutline): number | null {
  const ports = knownPorts(one);
  return (ports.length > 0 ? ports : one.commands.length === 0 ? one.imagePorts : []).find((port) => !noHttp.has(port)) ?? null;
}
