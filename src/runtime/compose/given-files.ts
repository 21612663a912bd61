// Secrets and configs that are no file of the host: Compose puts them into a container only when it starts it itself, and wt starts containers. Pure.
import type { JsonValue } from "../../errors/wt-error.ts";
import type { TarFile } from "../../os/tar-files.ts";
import { variableMissing } from "./compose-errors.ts";
import { asObject } from "./stamp-model.ts";
import type { ComposeModel } from "./transform/compose-model.ts";

/** What has to be written into the container of a service before its first start. `env`: what the model was read with. */
export function givenFiles(model: ComposeModel, service: string, env: Readonly<Record<string, string>>): TarFile[] {
  const described = asObject(asObject(model.services)[service]);
  const of = (section: "secrets" | "configs") =>
    (Array.isArray(described[section]) ? described[section] : []).flatMap((entry) => {
      const reference = typeof entry === "string" ? { source: entry } : asObject(entry);
      const content = contentOf(asObject(asObject(model[section])[String(reference.source)]), env);
      return content === null ? [] : [fileOf(reference, content, section === "secrets" ? "/run/secrets/" : "/")];
    });
  return [...of("secrets"), ...of("configs")];
}

/** Variables that secrets and configs of the model are made of: all of them, or those that the containers of these services get. */
export function variablesOfFiles(model: ComposeModel, services: readonly string[] | null = null): string[] {
  const used = (section: "secrets" | "configs") =>
    Object.entries(asObject(model[section])).flatMap(([key, source]) =>
      services === null || services.some((service) => usesFile(model, { service, section, key })) ? [asObject(source)] : [],
    );
  const sources = [...used("secrets"), ...used("configs")];
  return [...new Set(sources.flatMap(({ environment }) => (typeof environment === "string" ? [environment] : [])))];
}

function usesFile(
  model: ComposeModel,
  { service, section, key }: { service: string; section: "secrets" | "configs"; key: string },
): boolean {
  const entries = asObject(asObject(model.services)[service])[section];
  return Array.isArray(entries) && entries.some((entry) => (typeof entry === "string" ? entry : asObject(entry).source) === key);
}

/** Throws `WtError` (`config`, `variable_missing`) for the first of them that nobody has given. */
export function requireVariables(
  model: ComposeModel,
  env: Readonly<Record<string, string>>,
  services: readonly string[] | null = null,
): void {
  const missing = variablesOfFiles(model, services).find((name) => !Object.hasOwn(env, name));
  if (missing !== undefined) throw variableMissing(missing);
}

function contentOf({ content, environment }: Record<string, JsonValue>, env: Readonly<Record<string, string>>): string | null {
  if (typeof content === "string") return content;
  return typeof environment === "string" ? (env[environment] ?? null) : null;
}

function fileOf({ source, target, mode, uid, gid }: Record<string, JsonValue>, content: string, directory: string): TarFile {
  const name = String(target ?? source);
  const path = name.startsWith("/") ? name : `${directory}${name}`;
  return { path: path.slice(1), content, mode: modeOf(mode), uid: Number(uid) || 0, gid: Number(gid) || 0 };
}

/** As Compose writes it: a number, or octal digits. */
function modeOf(mode: JsonValue | undefined): number {
  if (typeof mode === "number") return mode;
  return typeof mode === "string" && /^[0-7]+$/.test(mode) ? Number.parseInt(mode, 8) : 0o444;
}
