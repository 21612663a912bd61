import type { PackageManifest } from "../package-scripts.ts";
import { at, type DetectedStep, type Look, type PackageManager } from "./part.ts";

const lockfiles: [string, PackageManager][] = [
  ["pnpm-lock.yaml", "pnpm"],
  ["yarn.lock", "yarn"],
  ["bun.lock", "bun"],
  ["bun.lockb", "bun"],
  ["package-lock.json", "npm"],
  ["npm-shrinkwrap.json", "npm"],
];

export interface FoundManager {
  name: PackageManager;
  lockfile: string | null;
}

/** The lockfile decides, then `packageManager`, then what the top folder uses. */
export function managerOf(manifest: PackageManifest, names: readonly string[], above: PackageManager | null): FoundManager {
  const declared = /^(npm|pnpm|yarn|bun)@/.exec(manifest.packageManager ?? "")?.[1] as PackageManager | undefined;
  const present = lockfiles.filter(([file]) => names.includes(file));
  const [lockfile, name] = present.find(([, manager]) => manager === declared) ?? present[0] ?? [null, declared ?? above ?? "npm"];
  return { name, lockfile };
}

export function installStep(
  look: Look,
  manifest: PackageManifest,
  found: FoundManager & { names: readonly string[] },
): { step: DetectedStep; because: string } | null {
  if (found.lockfile === null && manifest.dependencies.size === 0 && manifest.workspaces.length === 0) return null;
  const input = at(look, found.lockfile ?? "package.json");
  const run = found.lockfile === null ? `${found.name} install` : installFromLock(found.name, isYarnBerry(manifest, found.names));
  const because =
    found.lockfile === null
      ? `${at(look, "package.json")} has dependencies but no lockfile is beside it, so \`${run}\` prepares a worktree.`
      : `${input} is there, so \`${run}\` prepares a worktree.`;
  return { step: { run, inputs: [input], directory: look.directory }, because };
}

function installFromLock(manager: PackageManager, berry: boolean): string {
  if (manager === "npm") return "npm ci";
  return berry && manager === "yarn" ? "yarn install --immutable" : `${manager} install --frozen-lockfile`;
}

function isYarnBerry(manifest: PackageManifest, names: readonly string[]): boolean {
  return names.includes(".yarnrc.yml") || /^yarn@([2-9]|\d\d)/.test(manifest.packageManager ?? "");
}
