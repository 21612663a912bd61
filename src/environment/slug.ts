// Names that are chosen once: slugs, host labels, slots. Pure; the ledger's unique indexes have the last word.

const longestSlug = 40;
/** A DNS label's limit (RFC 1035). */
const longestLabel = 63;

/**
 * The environment's name for a branch: lower case, everything outside `[a-z0-9-]` to `-`, at most 40 characters.
 * A short hash of the whole branch name is added where characters were cut off or the name is in `taken`.
 */
export function slugFor(branch: string, taken: ReadonlySet<string>): string {
  const plain = sanitize(branch);
  if (plain.length > 0 && plain.length <= longestSlug && !taken.has(plain)) return plain;
  for (let attempt = 0; ; attempt++) {
    const hash = shortHash(attempt === 0 ? branch : `${branch}\n${attempt}`);
    const candidate = withHash(plain, hash, longestSlug);
    if (!taken.has(candidate)) return candidate;
  }
}

/** The environment's first DNS label: its slug, or slug and project where another project has the slug already. */
export function hostLabelFor(names: { slug: string; project: string }, taken: ReadonlySet<string>): string {
  if (!taken.has(names.slug)) return names.slug;
  const both = `${names.slug}-${sanitize(names.project)}`.slice(0, longestLabel).replace(/-+$/, "");
  if (!taken.has(both)) return both;
  for (let attempt = 0; ; attempt++) {
    const candidate = withHash(both, shortHash(`${names.project}\n${names.slug}\n${attempt}`), longestLabel);
    if (!taken.has(candidate)) return candidate;
  }
}

/** The lowest number from 1 that is free; 0 belongs to the main environment. */
export function lowestFreeSlot(taken: ReadonlySet<number>): number {
  let slot = 1;
  while (taken.has(slot)) slot++;
  return slot;
}

/** A project's name from a directory or `project:` value; a number is added where another project has it. */
export function projectNameFor(wanted: string, taken: ReadonlySet<string>): string {
  const plain = sanitize(wanted).slice(0, longestSlug).replace(/-+$/, "") || "project";
  if (!taken.has(plain)) return plain;
  let number = 2;
  while (taken.has(`${plain}-${number}`)) number++;
  return `${plain}-${number}`;
}

function sanitize(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/-{2,}/g, "-")
    .replace(/^-+|-+$/g, "");
}

function withHash(plain: string, hash: string, longest: number): string {
  const kept = plain.slice(0, longest - hash.length - 1).replace(/-+$/, "");
  return kept.length > 0 ? `${kept}-${hash}` : `b-${hash}`;
}

/** Six characters of FNV-1a, base 36: short to type; collisions are caught by `taken`. */
function shortHash(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash ^= text.charCodeAt(index);
    hash = Math.imul(hash, 0x01000193) >>> 0;
  }
  return hash.toString(36).padStart(6, "0").slice(-6);
}
