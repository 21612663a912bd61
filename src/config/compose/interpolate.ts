// `${VAR}` in compose files, as far as the value is known. What is not stays as written, so that whoever needs it sees that it is unknown.

export type Variables = ReadonlyMap<string, string>;

export function interpolate(text: string, variables: Variables): string {
  return withExpressions(text, (written) => {
    if (written.startsWith("${")) return braced(written.slice(2, -1), variables) ?? written;
    return variables.get(written.slice(1)) ?? written;
  });
}

/** `.env.${STAGE:-dev}` → `.env.*`: whatever the variables are. */
export function withWildcards(text: string): string {
  return withExpressions(text, () => "*").replace(/\*+/g, "*");
}

/** `value` is asked for each `$NAME` and `${…}`. */
function withExpressions(text: string, value: (written: string) => string): string {
  let result = "";
  for (let index = 0; index < text.length; ) {
    const rest = text.slice(index);
    const next = rest.indexOf("$");
    if (next !== 0) {
      const plain = next === -1 ? rest : rest.slice(0, next);
      result += plain;
      index += plain.length;
      continue;
    }
    const written = expression(rest);
    result += written.length === 1 || written === "$$" ? "$" : value(written);
    index += written.length;
  }
  return result;
}

/** What stands at the beginning of the text, which begins with `$`: `$NAME`, `${…}`, `$$`, or the sign alone. */
function expression(text: string): string {
  if (text.startsWith("$$")) return "$$";
  const plain = /^\$[A-Za-z_][A-Za-z0-9_]*/.exec(text);
  if (plain) return plain[0];
  const end = text.startsWith("${") ? closing(text) : -1;
  return end === -1 ? "$" : text.slice(0, end + 1);
}

/** Where the brace closes that the text begins with; -1: nowhere. */
function closing(text: string): number {
  let depth = 0;
  for (let index = 1; index < text.length; index += 1) {
    if (text[index] === "{") depth += 1;
    else if (text[index] === "}") depth -= 1;
    if (depth === 0) return index;
  }
  return -1;
}

/** null: nobody here knows the value. */
function braced(inner: string, variables: Variables): string | null {
  const match = /^([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-?+])([\s\S]*))?$/.exec(inner);
  if (!match) return null;
  const [, name = "", operator = "", word = ""] = match;
  const value = variables.get(name);
  const present = operator.startsWith(":") ? value !== undefined && value !== "" : value !== undefined;
  if (operator.endsWith("+")) return present ? interpolate(word, variables) : "";
  if (present) return value ?? "";
  return operator.endsWith("-") ? interpolate(word, variables) : (value ?? null);
}

/** Names of variables that any text of a value refers to, defaults looked into; and those that `environment` and `args` take in without a value. */
export function variablesIn(value: unknown): string[] {
  if (typeof value === "string") return variablesOfText(value);
  if (Array.isArray(value)) return value.flatMap(variablesIn);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, entry]) => [
    ...(key === "environment" || key === "args" ? passedOn(entry) : []),
    ...variablesIn(entry),
  ]);
}

function variablesOfText(text: string): string[] {
  const found: string[] = [];
  withExpressions(text, (written) => {
    const [, name = "", word = ""] = /^\$\{?([A-Za-z_][A-Za-z0-9_]*)([\s\S]*)$/.exec(written) ?? [];
    if (name !== "") found.push(name, ...variablesOfText(word));
    return "";
  });
  return found;
}

/** `TOKEN` in a list, `TOKEN:` in a map; and `environment: TOKEN` of a secret. */
function passedOn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.filter((entry) => typeof entry === "string" && /^\w+$/.test(entry));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, entry]) => (entry === null ? [name] : []));
}

/** Every text of a value, keys left alone. */
export function interpolateAll(value: unknown, variables: Variables): unknown {
  if (typeof value === "string") return value.includes("$") ? interpolate(value, variables) : value;
  if (Array.isArray(value)) return value.map((entry) => interpolateAll(entry, variables));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, interpolateAll(entry, variables)]));
}

/** A `.env` file. Lines that assign nothing are left out. */
export function parseVariables(text: string | null): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of text?.split(/\r?\n/) ?? []) {
    const match = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$/.exec(line);
    if (!match) continue;
    const [, name = "", written = ""] = match;
    const quoted = /^(["'])(.*?)\1(\s+#.*)?$/.exec(written);
    found.set(name, quoted ? (quoted[2] ?? "") : written.replace(/(^|\s+)#.*$/, ""));
  }
  return found;
}
