import { readComposeOutline } from "./compose/read-compose-outline.ts";
import type { ParsedConfig, RepositoryFiles } from "./config.ts";
import { composeOf, type ParseConfigOptions, parseConfig } from "./parse-config.ts";

/** `parseConfig`, and where the runtime is Compose, its files read from `files`: the config then has every service. Never throws for what they hold. */
export async function parseWithCompose(files: RepositoryFiles, text: string, options: ParseConfigOptions): Promise<ParsedConfig> {
  const compose = composeOf(text);
  if (!compose) return parseConfig(text, options);
  const outline = await readComposeOutline(files, compose);
  if (outline.problems.length === 0) return parseConfig(text, { ...options, outline });
  // Held against half a compose file, wt.yaml would get complaints that are not true.
  const alone = parseConfig(text, options);
  return { config: null, errors: [...alone.errors, ...outline.problems], warnings: alone.warnings };
}
