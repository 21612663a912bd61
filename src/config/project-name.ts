/** `[a-z0-9-]`, at most 40 characters, never empty: fits into a host name. */
export function projectName(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 40)
    .replace(/^-+|-+$/g, "");
  return name === "" ? "project" : name;
}
