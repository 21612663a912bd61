// Service names of an environment that was never brought up, so that lists show what `wt up` would start.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseConfig } from "../config/parse-config.ts";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { configFile } from "./config-reader.ts";
import { resourceTypes } from "./drivers.ts";

interface Kept {
  signature: string;
  names: string[];
}

export class ConfiguredServices {
  /** By path of the file. */
  readonly #kept = new Map<string, Kept>();

  /** From its own wt.yaml, else the main worktree's; empty without one or while it has errors. A stat a call, no parsing while the file is the same. */
  names(project: ProjectRecord, environment: EnvironmentRecord): string[] {
    return this.#read(join(environment.path, configFile)) ?? this.#read(join(project.root, configFile)) ?? [];
  }

  /** A worktree that is gone. */
  forget(worktree: string): void {
    this.#kept.delete(join(worktree, configFile));
  }

  #read(path: string): string[] | null {
    try {
      return this.#parse(path);
    } catch {
      // A list must not fail for a file that cannot be read; `wt up` says what is wrong with it.
      return null;
    }
  }

  #parse(path: string): string[] | null {
    const stat = statSync(path, { bigint: true });
    if (!stat.isFile()) return null;
    const signature = `${stat.ino} ${stat.size} ${stat.mtimeNs}`;
    const kept = this.#kept.get(path);
    if (kept?.signature === signature) return kept.names;
    const { config } = parseConfig(readFileSync(path, "utf8"), { path, projectFallback: "", resourceTypes });
    const names = config?.services.map((service) => service.name) ?? [];
    this.#kept.set(path, { signature, names });
    return names;
  }
}
