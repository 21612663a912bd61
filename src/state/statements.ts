// Texts of SQL that tables have in common.

export const setEvery = (columns: readonly string[]) => columns.map((column) => `${column} = $${column}`).join(", ");
export const insertInto = (table: string, columns: readonly string[]) =>
  `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${columns.map((column) => `$${column}`).join(", ")})`;

/** Without the keys that are set to undefined, so that spreading it changes only what was meant. */
export function defined<T extends object>(change: T): Partial<T> {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as Partial<T>;
}
