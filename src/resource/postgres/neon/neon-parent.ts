// What a branch is made from, and what of it an app uses: as wt.yaml says, else the only one there is.
import { WtError } from "../../../errors/wt-error.ts";
import type { NeonApi, NeonBranch } from "./neon-api.ts";
import type { Limits } from "./neon-link.ts";
import type { RemoteOptions } from "./neon-options.ts";

export interface ChosenContent {
  parent: NeonBranch;
  database: string;
  role: string;
}

export async function chooseContent(api: NeonApi, options: RemoteOptions, limits: Limits): Promise<ChosenContent> {
  const parent = await findParent(api, options.parent, limits);
  const databases = await api.databases(parent.id, limits);
  const named = options.database ?? (databases.length === 1 ? databases[0]?.name : null) ?? null;
  const database = databases.find(({ name }) => name === named);
  if (database) return { parent, database: database.name, role: options.role ?? database.owner };
  const names = databases.map(({ name }) => name).join(", ") || "none";
  throw new WtError({
    kind: "config",
    code: "neon_database",
    message:
      named === null
        ? `${api.at.place}.database is missing: the branch ${parent.name} has several databases (${names}).`
        : `${api.at.place}.database: the branch ${parent.name} has no database ${named}; it has ${names}.`,
    hints: ["Name the one that the app uses."],
  });
}

async function findParent(api: NeonApi, wanted: string | null, limits: Limits): Promise<NeonBranch> {
  const branches = await api.branches(null, limits);
  const found = branches.find((branch) => (wanted === null ? branch.default : branch.id === wanted || branch.name === wanted));
  if (found) return found;
  const some = branches
    .slice(0, 5)
    .map(({ name }) => name)
    .join(", ");
  throw new WtError({
    kind: "config",
    code: "neon_parent_missing",
    message: `${api.at.place}.parent: there is no branch ${wanted ?? "that is the default"} in the project ${api.at.project}.`,
    hints: [`It has ${some}${branches.length > 5 ? " and more" : ""}.`],
  });
}
