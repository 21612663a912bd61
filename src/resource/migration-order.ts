// Which earlier state of the migrations a database may go on from: one to which files were only added, each after all that were there. Pure.
export interface InputFile {
  /** Seen from the worktree. */
  path: string;
  hash: string;
}

/**
 * True when running what is pending on a database that holds `earlier` gives what running all of `wanted` gives: no file is gone or was
 * changed, and each new one sorts after those beside it. Files in which a tool keeps its accounts may differ when migrations were added.
 */
export function continues(earlier: readonly InputFile[], wanted: readonly InputFile[]): boolean {
  const hashes = new Map(wanted.map(({ path, hash }) => [path, hash]));
  const before = earlier.filter(({ path }) => !isAccount(path));
  if (before.length === 0 || before.some(({ path, hash }) => hashes.get(path) !== hash)) return false;
  const known = new Set(before.map(({ path }) => path));
  const added = wanted.map(({ path }) => path).filter((path) => !known.has(path) && !isAccount(path));
  const last = new Map<string, string>();
  for (const { path } of before) {
    const { group, name } = placeOf(path);
    const so = last.get(group);
    if (so === undefined || compareNames(name, so) > 0) last.set(group, name);
  }
  for (const path of added) {
    const { group, name } = placeOf(path);
    const before = last.get(group);
    if (before !== undefined && compareNames(name, before) <= 0) return false;
  }
  return added.length > 0 ? true : sameAccounts(earlier, wanted);
}

/** The migrations among the files: those that carry a number where any does; steps back are not counted. */
export function migrationsAmong(files: readonly InputFile[]): string[] {
  const paths = files.map(({ path }) => path).filter((path) => !isAccount(path));
  const numbered = paths.filter((path) => placeOf(path).numbered);
  return (numbered.length > 0 ? numbered : paths).filter((path) => !/[._](down|undo|rollback)\.\w+$|(^|\/)__init__\.py$/.test(path));
}

/** Numbers by their value, the rest by code point: `V2__b` before `V10__a`. */
export function compareNames(one: string, other: string): number {
  const [left, right] = [one, other].map((name) => name.match(/\d+|\D+/g) ?? []);
  for (let at = 0; ; at++) {
    const [a, b] = [left?.[at], right?.[at]];
    if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? -1 : 1;
    const order = /^\d/.test(a) && /^\d/.test(b) ? compareNumbers(a, b) : a < b ? -1 : a > b ? 1 : 0;
    if (order !== 0) return order;
  }
}

function compareNumbers(one: string, other: string): number {
  const [a, b] = [BigInt(one), BigInt(other)];
  if (a !== b) return a < b ? -1 : 1;
  // `01` and `1` are two names.
  return one.length - other.length;
}

/**
 * Beside what a file is sorted: from its first part with a number on (`20260101_a/migration.sql` among its directory's neighbours), else by
 * its name in its directory. Numbered and other names (`__init__.py`) are not compared with each other.
 */
function placeOf(path: string): { group: string; name: string; numbered: boolean } {
  const parts = path.split("/");
  const first = parts.findIndex((part) => /^[VU]?\d/i.test(part));
  const numbered = first !== -1;
  const from = numbered ? first : parts.length - 1;
  return { group: `${numbered ? "#" : ""}${parts.slice(0, from).join("/")}`, name: parts.slice(from).join("/"), numbered };
}

/** Written by the tool itself with each new migration; they say again what the migrations say. */
function isAccount(path: string): boolean {
  return /(^|\/)(meta\/(_journal|[\w-]+_snapshot)\.json|migration_lock\.toml|schema\.prisma|db\/(schema\.rb|structure\.sql)|atlas\.sum|\.snapshot-[\w-]+\.json)$/.test(
    path,
  );
}

function sameAccounts(earlier: readonly InputFile[], wanted: readonly InputFile[]): boolean {
  const text = (files: readonly InputFile[]) =>
    JSON.stringify(
      files
        .filter(({ path }) => isAccount(path))
        .map(({ path, hash }) => [path, hash])
        .sort(),
    );
  return text(earlier) === text(wanted);
}
