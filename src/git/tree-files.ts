import { relativeParts } from "../os/repository-files.ts";
import type { Git } from "./git.ts";

export interface TreeFiles {
  /** null for what is absent, a directory, a symbolic link or a submodule, and for anything reached through one. */
  read(path: string): Promise<string | null>;
  /** Names, directories with a trailing `/` (a submodule is an empty one), sorted; empty for what is absent. */
  list(path: string): Promise<string[]>;
  /** True: a commit is what git keeps. */
  tracked(path: string): Promise<boolean>;
}

/** The files of a commit (a full id), by relative path. Each directory and each file is asked of git at most once; what is absent costs no process of its own. */
export function treeFiles(git: Git, { root, commit }: { root: string; commit: string }): TreeFiles {
  const directories = new Map<string, Promise<Map<string, TreeEntry>>>();
  const contents = new Map<string, Promise<string>>();

  function entriesOf(tree: string): Promise<Map<string, TreeEntry>> {
    return remember(directories, tree, async () => parseTree(await git.run(root, ["ls-tree", "-z", "--full-tree", tree])));
  }

  async function find(parts: string[]): Promise<TreeEntry | null> {
    let entry: TreeEntry = { kind: "directory", id: `${commit}^{tree}` };
    for (const part of parts) {
      if (entry.kind !== "directory") return null;
      const next: TreeEntry | undefined = (await entriesOf(entry.id)).get(part);
      if (!next) return null;
      entry = next;
    }
    return entry;
  }

  return {
    tracked: async () => true,
    async read(path) {
      const parts = relativeParts(path);
      const entry = parts && (await find(parts));
      if (entry?.kind !== "file") return null;
      return remember(contents, entry.id, () => git.run(root, ["cat-file", "blob", entry.id]));
    },
    async list(path) {
      const parts = relativeParts(path);
      const entry = parts && (await find(parts));
      if (entry?.kind !== "directory") return [];
      const entries = await entriesOf(entry.id);
      return [...entries].map(([name, { kind }]) => (kind === "directory" || kind === "submodule" ? `${name}/` : name)).sort();
    },
  };
}

interface TreeEntry {
  kind: "file" | "directory" | "link" | "submodule";
  id: string;
}

const kindOfMode: Record<string, TreeEntry["kind"]> = { "040000": "directory", "120000": "link", "160000": "submodule" };

function parseTree(output: string): Map<string, TreeEntry> {
  const entries = new Map<string, TreeEntry>();
  for (const record of output.split("\0")) {
    const [, mode = "", id = "", name = ""] = /^(\d+) \w+ ([0-9a-f]+)\t(.*)$/s.exec(record) ?? [];
    if (name) entries.set(name, { kind: kindOfMode[mode] ?? "file", id });
  }
  return entries;
}

/** A failed answer is not kept, so that asking again may succeed. */
function remember<T>(known: Map<string, Promise<T>>, key: string, ask: () => Promise<T>): Promise<T> {
  const present = known.get(key);
  if (present) return present;
  const answer = ask();
  known.set(key, answer);
  answer.catch(() => known.delete(key));
  return answer;
}
