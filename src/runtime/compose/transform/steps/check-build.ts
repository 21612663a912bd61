import { posix } from "node:path";
import { type ComposeObject, isObject, listOf, textOf } from "../compose-model.ts";
import { isInside, portablePath } from "../host-path.ts";
import { refuse, type StackEdit, servicesOf, warn } from "../stack-edit.ts";

/** Networks of a build that are its own. */
const ownNetworks = new Set(["", "none", "default", "bridge"]);

/** What a Dockerfile may do beyond making files: what it runs is code of the repository, long before any container is there. */
export function checkBuilds(stack: StackEdit): void {
  for (const [service, { build }] of servicesOf(stack)) {
    if (!isObject(build)) continue;
    checkPrivileges(stack, service, build);
    checkNetwork(stack, service, build);
    checkKeys(stack, service, build);
    if (isRemote(textOf(build.context) ?? "")) tellRemote(stack, service, build);
    else checkDockerfile(stack, service, build);
  }
}

function checkPrivileges(stack: StackEdit, service: string, build: Readonly<ComposeObject>): void {
  const asRoot = "which is as good as root on the host";
  if (build.privileged === true) {
    const message = `${service} is built privileged, ${asRoot}.`;
    refuse(stack, { rule: "privileged", service, key: "build.privileged", message });
  }
  for (const entitlement of listOf(build.entitlements).map(String)) {
    const message = `${service} is built with the entitlement ${entitlement}, ${asRoot}.`;
    refuse(stack, { rule: "privileged", service, key: "build.entitlements", details: [entitlement], message });
  }
}

function checkNetwork(stack: StackEdit, service: string, build: Readonly<ComposeObject>): void {
  const network = textOf(build.network) ?? "";
  if (ownNetworks.has(network)) return;
  const what = network === "host" ? "it reaches every port of the host and every environment" : "it joins what is not of this project";
  const message = `The build of ${service} has the network ${network}; ${what}.`;
  refuse(stack, { rule: "host-namespace", service, key: "build.network", details: [network], message });
}

function checkKeys(stack: StackEdit, service: string, build: Readonly<ComposeObject>): void {
  for (const entry of sshOf(build.ssh)) {
    const message = `The build of ${service} gets your SSH keys (build.ssh: ${entry}): what its Dockerfile runs can log in wherever they do.`;
    refuse(stack, { rule: "build-ssh", service, key: "build.ssh", details: [entry], message });
  }
  for (const cache of listOf(build.cache_from).map(String)) {
    const kind = /\btype=(s3|azblob|gha)\b/.exec(cache)?.[1];
    if (kind === undefined) continue;
    const message = `build.cache_from of ${service} is of the kind ${kind}, which is reached with your keys, wherever it says.`;
    refuse(stack, { rule: "credentials", service, key: "build.cache_from", details: [kind], message });
  }
  const secrets = listOf(build.secrets).flatMap((entry) => textOf(isObject(entry) ? entry.source : entry) ?? []);
  if (secrets.length === 0) return;
  const message = `The build of ${service} gets ${secrets.length === 1 ? "the secret" : "the secrets"} ${secrets.join(", ")}: what its Dockerfile runs can read ${secrets.length === 1 ? "it" : "them"}.`;
  warn(stack, { rule: "build-secret", service, key: "build.secrets", message });
}

/** `[default]`, `["key=/path"]`, `{ default: null }`. */
function sshOf(written: unknown): string[] {
  if (isObject(written)) return Object.entries(written).map(([id, path]) => (textOf(path) === null ? id : `${id}=${textOf(path)}`));
  return listOf(written).map(String);
}

/** What Compose is about to read must be what a person was shown, whatever variables have made of its path. */
function checkDockerfile(stack: StackEdit, service: string, build: Readonly<ComposeObject>): void {
  const { worktree, home, dockerfiles } = stack.request;
  const context = textOf(build.context);
  if (context === null || textOf(build.dockerfile_inline) !== null) return;
  const path = posix.resolve(context, textOf(build.dockerfile) ?? "Dockerfile");
  const inside = isInside(path, worktree);
  const shown = inside ? posix.relative(worktree, path) : portablePath(path, { worktree, home: home ?? null });
  if (inside && dockerfiles.includes(shown)) return;
  const why = inside
    ? "it was no regular file of the repository when the files were read, or a variable of your shell chose it"
    : "it is outside of the worktree";
  const message = `${service} is built by ${shown}, and nobody was asked whether that may run: ${why}.`;
  refuse(stack, { rule: "unread-build", service, key: "build.dockerfile", details: [shown, path], message });
}

function isRemote(context: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\/|^[\w.-]+@[\w.-]+:|^github\.com\//i.test(context);
}

/** As with an image: that it may be another one tomorrow is for people to know. */
function tellRemote(stack: StackEdit, service: string, build: Readonly<ComposeObject>): void {
  const shown = (textOf(build.context) ?? "").replace(/\/\/[^/@]*@/, "//");
  const message = `build.context of ${service} is ${shown}, fetched from elsewhere: nobody was asked about the Dockerfile there.`;
  warn(stack, { rule: "outside-file", service, key: "build.context", message });
}
