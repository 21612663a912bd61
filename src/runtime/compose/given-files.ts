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

/** Variables that secrets and configs of the model are made of. */
export function variablesOfFiles(model: ComposeModel): string[] {
  const sources = [...Object.values(asObject(model.secrets)), ...Object.values(asObject(model.configs))].map((source) => asObject(source));
  return [...new Set(sources.flatMap(({ environment }) => (typeof environment === "string" ? [environment] : [])))];
}

/** Throws `WtError` (`config`, `variable_missing`) for the first of them that nobody has given. */
export function requireVariables(model: ComposeModel, env: Readonly<Record<string, string>>): void {
  const missing = variablesOfFiles(model).find((name) => !Object.hasOwn(env, name));
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
