// A file of variables (`.env`) that is the repository's → what a person approves of it: each variable by its name, so that a change says which.
import type { CommandToTrust } from "../trust-commands.ts";
import { parseVariables } from "./interpolate.ts";

const secretName = /SECRET|TOKEN|PASS|PWD|PRIVATE|CREDENTIAL|KEY|DSN|AUTH|SALT|SIGN|CERT|COOKIE|SESSION/i;
/** `postgres://me:word@host`. */
const withPassword = /:\/\/[^/\s]*:[^/\s]*@/;
/** Nobody writes such a word by hand. */
const random = /(?=[^\s/:.]*\d)(?=[^\s/:.]*[a-z])[\w+=-]{24,}/i;

/**
 * One entry for each variable. Values that may be secrets are `hidden`. Where a reader could take the file otherwise than we do (texts of several lines, a name twice,
 * lines of another form), the whole of it is an entry more, hidden as well.
 */
export function variablesToTrust(path: string, text: string): CommandToTrust[] {
  const taken = [...text.matchAll(/^\s*(?:export\s+)?([A-Za-z_]\w*)\s*$/gm)].map(([, name]) => name);
  const open = taken.map((name): CommandToTrust => ({ source: `variable ${path}#${name}`, text: "(from your shell)" }));
  const found = [...parseVariables(text)].map(([name, value]): CommandToTrust => {
    const source = `variable ${path}#${name}`;
    return looksSecret(name, value) ? { source, text: value, hidden: true } : { source, text: value };
  });
  return isPlain(text) ? found : [...open, ...found, { source: `file ${path}`, text, hidden: true }];
}

/** What is only the name of another variable is no secret, and must be seen. */
function looksSecret(name: string, value: string): boolean {
  return value !== "" && !/^\$(\w+|\{\w+\})$/.test(value) && (secretName.test(name) || withPassword.test(value) || random.test(value));
}

/** Each line is empty, a comment, or one whole assignment; no name comes twice. */
function isPlain(text: string): boolean {
  const names = new Set<string>();
  return text.split(/\r?\n/).every((line) => {
    if (/^\s*(#.*)?$/.test(line)) return true;
    const [, name = "", value = ""] = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line) ?? [];
    if (name === "" || names.has(name)) return false;
    names.add(name);
    return /^\s*("[^"\\]*"|'[^'\\]*'|[^\s"'`\\#][^"'`\\#]*)?\s*(\s#.*)?$/.test(value);
  });
}
