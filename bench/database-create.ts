// `wt create` of an app with a large database of its own, against a worktree, `createdb -T` and the app by hand; both until the app has answered
// from that database.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { BenchWorld } from "./bench-world.ts";
import { writtenOptions } from "./database-branches.ts";
import type { Dataset } from "./database-content.ts";
import { dropFromShared, type SharedServer } from "./database-peer.ts";
import { handMade, ownFirstAnswer } from "./first-answer.ts";
import { skipped, takeTurns } from "./measure.ts";

export interface CreateTimes {
  /** To the first HTTP 200. */
  answer: number;
  /** Of it: the database. */
  database: number;
  /** By hand; null where there is no createdb. */
  hand: number | null;
}

export interface CreateBench {
  shared: SharedServer;
  dataset: Dataset;
}

/** `world` lies on the file system that is measured. */
export async function benchCreateWithDatabase(world: BenchWorld, { shared, dataset }: CreateBench): Promise<CreateTimes> {
  const command = [process.execPath, "app.ts"];
  const files = { "wt.yaml": configuration(dataset, command), "app.ts": app(dataset) };
  const repository = await world.repository("with-database", files);
  await world.wt(repository, ["trust", "--yes"]);
  const createdb = findCreatedb();
  if (!createdb) skipped("wt create against createdb -T", "createdb is not installed");
  const byHand = async (round: number) => {
    const name = `hand_${round}`;
    const url = shared.url(name);
    const { hostname, port, username } = new URL(url);
    const setup = [createdb ?? "", "-h", hostname, "-p", port, "-U", username, "-T", dataset.name, name];
    const services = (port: number) => [{ command, env: { PORT: String(port), HOST: "127.0.0.1", DATABASE_URL: url } }];
    const hand = await handMade(world, { repository, name, setup, services });
    await dropFromShared(shared, [name]);
    return { hand };
  };
  const result = await takeTurns([ownFirstAnswer(world, repository), ...(createdb ? [byHand] : [])], dataset.rounds);
  await world.stop();
  const { answer = Number.NaN, database = Number.NaN, hand = null } = result;
  return { answer, database, hand };
}

function configuration(dataset: Dataset, command: readonly string[]): string {
  const resource = JSON.stringify({ type: "postgres", ...writtenOptions(dataset) });
  return `project: with-database
resources:
  db: ${resource}
services:
  web: { run: "exec ${command.join(" ")}", route: /, ready: { http: /, status: 200 }, needs: [db] }
`;
}

/** Answers only from its database. */
function app(dataset: Dataset): string {
  return `import { SQL } from "bun";

const sql = new SQL(process.env.DATABASE_URL ?? "");
Bun.serve({
  port: Number(process.env.PORT),
  hostname: process.env.HOST ?? "127.0.0.1",
  fetch: async () => Response.json(await sql\`${dataset.query}\`),
});
`;
}

/** Debian's createdb on the PATH is a script that takes its time; the program itself lies beside its server. */
function findCreatedb(): string | null {
  const parent = "/usr/lib/postgresql";
  try {
    for (const version of readdirSync(parent).sort((one, other) => Number(other) - Number(one))) {
      const program = Bun.which(join(parent, version, "bin/createdb"));
      if (program) return program;
    }
  } catch {
    // Not a Debian.
  }
  return Bun.which("createdb");
}
