// What the contract's cases do as an app that knows its connection alone.
import { SQL } from "bun";
import type { ResourceConnection } from "../resource-driver.ts";
import { query } from "./mysql-harness.conformance.ts";

export async function write({ values }: ResourceConnection, text: string): Promise<void> {
  await query(values.url ?? "", "CREATE TABLE IF NOT EXISTS note (text VARCHAR(200))");
  await query(values.url ?? "", "DELETE FROM note");
  await query(values.url ?? "", `INSERT INTO note VALUES ('${text}')`);
}

export async function read({ values }: ResourceConnection): Promise<string | null> {
  const there = await query(
    values.url ?? "",
    "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'note'",
  );
  if (there.length === 0) return null;
  return ((await query(values.url ?? "", "SELECT text FROM note"))[0]?.text as string) ?? null;
}

export async function holdClient({ values }: ResourceConnection): Promise<() => Promise<void>> {
  const client = new SQL({ url: values.url ?? "", max: 1 });
  await client`SELECT 1`;
  return async () => {
    await client.close({ timeout: 0 }).catch(() => undefined);
  };
}
