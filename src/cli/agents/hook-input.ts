/** A hook's JSON from standard input: gives its texts by name, null for what is no text. Input that is no JSON has none. */
export async function readHookInput(): Promise<(name: string) => string | null> {
  let value: unknown;
  try {
    value = JSON.parse(await Bun.stdin.text());
  } catch {
    value = null;
  }
  const fields = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  return (name) => {
    const field = fields[name];
    return typeof field === "string" && field !== "" ? field : null;
  };
}
