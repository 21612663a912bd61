import type { RepositoryFiles } from "../config.ts";

/** Of more than that nobody reads the texts; what is left out counts as not approved. */
const most = 100;

/** Regular files of the repository at a path with `*` in its parts; a path without is itself, if it is there. */
export async function matchingFiles(files: RepositoryFiles, pattern: string): Promise<string[]> {
  const places = await matchingPaths(files, pattern);
  const texts = await Promise.all(places.map((path) => files.read(path)));
  return places.filter((_, index) => texts[index] !== null);
}

/** The same with links and what else is no directory; a path without `*` is itself, whether it is there or not. */
export async function matchingPaths(files: RepositoryFiles, pattern: string): Promise<string[]> {
  if (!pattern.includes("*")) return [pattern];
  let places = ["."];
  const parts = pattern.split("/");
  for (const [index, part] of parts.entries()) {
    const last = index === parts.length - 1;
    places = (await Promise.all(places.map((place) => step(files, place, { part, last })))).flat().slice(0, most);
  }
  return places;
}

async function step(files: RepositoryFiles, place: string, { part, last }: { part: string; last: boolean }): Promise<string[]> {
  const below = (name: string) => (place === "." ? name : `${place}/${name}`);
  if (!part.includes("*")) return [below(part)];
  const matcher = new RegExp(`^${part.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`, "s");
  const names = (await files.list(place)).flatMap((name) => (name.endsWith("/") ? (last ? [] : [name.slice(0, -1)]) : last ? [name] : []));
  return names.filter((name) => matcher.test(name)).map(below);
}
