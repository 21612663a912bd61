// Data files are made for one kind of machine, and indexes of text for one version of the libraries that sort it. What was carried here from elsewhere,
// or outlived an upgrade of the system, must not be served as if nothing was: PostgreSQL itself notices only a part of it.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { fileIn, layersOf } from "../../os/overlay-directory.ts";
import { readMajor } from "./data-directory.ts";
import { quoteLiteral, type SessionTarget, withSession } from "./pg-session.ts";
import type { ServerPrograms } from "./server-programs.ts";

export interface DataOrigin {
  /** `linux-x64`. */
  platform: string;
  /** `glibc 2.36, icu 72`. */
  collation: string;
}

const fileName = "wt.origin";

/** null: nothing is written there yet. */
export function readOrigin(data: string): DataOrigin | null {
  try {
    return parseOrigin(readFileSync(fileIn(data, fileName), "utf8"));
  } catch {
    return null;
  }
}

export function parseOrigin(text: string): DataOrigin | null {
  try {
    const origin = JSON.parse(text) as DataOrigin;
    return typeof origin.platform === "string" && typeof origin.collation === "string"
      ? { platform: origin.platform, collation: origin.collation }
      : null;
  } catch {
    return null;
  }
}

export function writeOrigin(data: string, origin: DataOrigin): void {
  writeFileSync(join(layersOf(data)[0], fileName), `${JSON.stringify(origin)}\n`, { mode: 0o600 });
}

/** Before a start. Throws `WtError` (`postgres_other_machine`) for what these programs cannot read rightly. */
export function checkOrigin(data: string, here: DataOrigin, programs: ServerPrograms): void {
  const origin = readOrigin(data);
  const major = readMajor(data);
  if (origin && origin.platform !== here.platform)
    throw otherMachine(data, `it was made on ${origin.platform}, and this is ${here.platform}`);
  if (isSwapped(data)) throw otherMachine(data, "it was made on a machine with another order of bytes");
  if (major !== null && major !== programs.major)
    throw otherMachine(data, `it is of PostgreSQL ${major}, and the programs are of ${programs.version}`);
}

/** After a start under other libraries. Throws `WtError` (`postgres_collation_changed`) when indexes of text depend on what changed. */
export async function checkCollations(data: string, target: (database: string) => SessionTarget, major: number): Promise<void> {
  const [was, changed] = [readOrigin(data)?.collation, new Set<string>()];
  const databases = await withSession(target("postgres"), (session) =>
    session.query(
      `SELECT datname, ${major >= 15 ? "datcollversion IS NOT NULL AND datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid)" : "false"} AS changed
       FROM pg_database WHERE datallowconn`,
    ),
  );
  for (const { datname, changed: isChanged } of databases) {
    if (isChanged === "t") changed.add(`the database ${datname}`);
    const used = await withSession(target(datname ?? ""), (session) => session.query(usedCollations));
    for (const { collname } of used) changed.add(`the collation ${collname}`);
  }
  if (changed.size === 0) return;
  throw new WtError({
    kind: "refused",
    code: "postgres_collation_changed",
    message: `The database in ${data} was made with ${was}, and this machine sorts text otherwise by now (${[...changed].slice(0, 3).join(", ")}), so its indexes may be wrong.`,
    hints: ["Make it anew: wt db reset", `Or keep it: use the old library, or dump it with the PostgreSQL it came from.`],
  });
}

/** Those that tables and indexes of this database use and whose library gives another version than it had. */
const usedCollations = `SELECT DISTINCT c.collname FROM pg_collation c
WHERE c.collversion IS NOT NULL AND c.collversion IS DISTINCT FROM pg_collation_actual_version(c.oid)
AND EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = ${quoteLiteral("pg_collation")}::regclass AND d.refobjid = c.oid AND d.classid = ${quoteLiteral("pg_class")}::regclass)`;

/** The version of pg_control's format is a small number: read the wrong way round it is a huge one. */
function isSwapped(data: string): boolean {
  try {
    const control = readFileSync(fileIn(data, "global/pg_control"));
    return control.readUInt32LE(8) > 0xffff && control.readUInt32BE(8) <= 0xffff;
  } catch {
    return false;
  }
}

function otherMachine(data: string, why: string): WtError {
  return new WtError({
    kind: "refused",
    code: "postgres_other_machine",
    message: `The database in ${data} cannot be used here: ${why}.`,
    hints: ["Make it anew: wt db reset", "To bring its content along, dump it where it was made: wt db dump"],
  });
}
