// Databases on servers that carry worldtree's mark and belong to no environment of this machine. A mark alone proves nothing: the server may
// serve other people's environments too. The notes that an environment left on this disk do.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ResourceSpec, Stray, StraySearch } from "../resource-driver.ts";
import { quoteLiteral } from "./pg-session.ts";
import { postgresOptions } from "./postgres-options.ts";
import { dropHolding } from "./server-database.ts";
import { type ServerLink, withServer } from "./server-link.ts";
import { sharedDetail } from "./shared-database.ts";

/** Looks on every server that one of the specs names. */
export async function findStrays({ specs, living, orphans }: StraySearch): Promise<{ strays: Stray[]; problems: string[] }> {
  const proofs = await readProofs(orphans);
  const strays: Stray[] = [];
  const problems: string[] = [];
  for (const { url, key } of serversOf(specs)) {
    const where = sharedDetail(url).replace(/^.* on /, "");
    try {
      const marked = await withServer({ url, key }, readMarked);
      for (const { label, nonce, bytes, sessions } of marked.filter((one) => !living.has(one.nonce))) {
        const remove = () => withServer({ url, key }, (link) => dropHolding(link, { label, nonce, key }));
        strays.push({ name: label, where, bytes, sessions, proof: proofs.get(nonce) ?? null, remove });
      }
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  return { strays, problems };
}

function serversOf(specs: readonly ResourceSpec[]): { url: string; key: string }[] {
  const found = new Map<string, string>();
  for (const spec of specs) {
    const options = postgresOptions(spec.options);
    if (options.mode === "server") found.set(options.url, `resources.${spec.name}.server`);
  }
  return [...found].map(([url, key]) => ({ url, key }));
}

interface Marked {
  label: string;
  nonce: string;
  bytes: number;
  sessions: number;
}

/** Roles with our mark, and all that they own. */
async function readMarked(link: ServerLink): Promise<Marked[]> {
  const rows = await link.run(`
    SELECT r.rolname AS label, substr(shobj_description(r.oid, 'pg_authid'), ${markPrefix.length + 1}) AS nonce,
      coalesce(sum(pg_database_size(d.oid)), 0)::float8 AS bytes,
      (SELECT count(*)::int FROM pg_stat_activity a JOIN pg_database o ON o.oid = a.datid WHERE o.datdba = r.oid) AS sessions
    FROM pg_roles r LEFT JOIN pg_database d ON d.datdba = r.oid
    WHERE shobj_description(r.oid, 'pg_authid') LIKE ${quoteLiteral(`${markPrefix}%`)} AND r.rolname LIKE 'wt\\_%'
    GROUP BY r.oid, r.rolname ORDER BY r.rolname`);
  return rows.map((row) => ({
    label: String(row.label),
    nonce: String(row.nonce),
    bytes: Number(row.bytes),
    sessions: Number(row.sessions),
  }));
}

const markPrefix = "worldtree:";

/** Nonce → directory whose notes name it. */
async function readProofs(orphans: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const directory of orphans) {
    const text = await readFile(join(directory, "database.json"), "utf8").catch(() => null);
    try {
      const { nonce } = JSON.parse(text ?? "null") as { nonce?: unknown };
      if (typeof nonce === "string" && nonce !== "") found.set(nonce, directory);
    } catch {
      // No notes of ours.
    }
  }
  return found;
}
