// The repository's remotes, in the words of its configuration.
import type { Git } from "./git.ts";

export interface Remote {
  name: string;
  /** As configured: before `url.<base>.insteadOf`. */
  url: string;
  /** `gh` or `glab` was told that pull requests are made to this one. */
  resolved: boolean;
}

/** In the order of the configuration; those without a URL are left out. */
export async function readRemotes(git: Git, root: string): Promise<Remote[]> {
  const output = await git.run(root, ["config", "-z", "--get-regexp", "^remote\\..*\\.(url|gh-resolved|glab-resolved)$"], { allow: [1] });
  const remotes = new Map<string, Remote>();
  const resolved = new Set<string>();
  for (const record of output.split("\0")) {
    const end = record.indexOf("\n");
    const found = /^remote\.(?<name>.*)\.(?<key>url|gh-resolved|glab-resolved)$/s.exec(record.slice(0, end))?.groups;
    const name = found?.name;
    if (name === undefined) continue;
    const value = record.slice(end + 1);
    if (found?.key !== "url") resolved.add(name);
    else if (!remotes.has(name)) remotes.set(name, { name, url: value, resolved: false });
  }
  return [...remotes.values()].map((remote) => ({ ...remote, resolved: resolved.has(remote.name) }));
}
