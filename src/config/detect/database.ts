// Which tool brings the project's database to its schema, and which database that is. Only what is clear is proposed.
import { type PackageManifest, parsePackage } from "../package-scripts.ts";
import { at, firstPresent, type Look, nameOf, type PackageManager } from "./part.ts";
import { pythonTools } from "./python.ts";
import { detectSqlMigrations } from "./sql-migrations.ts";

export interface DetectedDatabase {
  /** Key under `resources:`. */
  name: string;
  type: "postgres" | "mysql" | "sqlite";
  /** SQLite only: the file, seen from the top. */
  path: string | null;
  /** MySQL only: how the URL begins where that is not `mysql`. */
  scheme: string | null;
  migrate: string;
  /** Files that the migrations are made of, seen from the top. */
  inputs: string[];
  /** `Prisma`. */
  tool: string;
  /** File that names the database without looking at DATABASE_URL, seen from the top; null: none is known to. */
  ignoresUrl: string | null;
}

interface Found {
  tool: string;
  /** Seen from the folder looked at. */
  database: { type: "postgres" } | { type: "mysql"; scheme?: string } | { type: "sqlite"; path: string } | null;
  migrate: string;
  inputs: string[];
  /** Where the tool finds the address of its database; null: in DATABASE_URL. */
  reads: { name: string; text: string } | null;
}

/** null when there is no such tool, or when it is not clear which database it works on. */
export async function detectDatabase(look: Look, manager: PackageManager | null): Promise<DetectedDatabase | null> {
  const manifest = parsePackage(await look.files.read(at(look, "package.json")));
  const node = manifest ? { manifest, run: runners[manager ?? "npm"] } : null;
  const found =
    (node && (await ofNode(look, node))) ?? (await django(look)) ?? (await alembic(look)) ?? (await rails(look)) ?? (await sqlFiles(look));
  if (!found?.database) return null;
  const { database, reads } = found;
  return {
    name:
      look.directory === "."
        ? "db"
        : `${nameOf(look, "db")
            .toLowerCase()
            .replace(/[^a-z0-9]+/g, "-")
            .replace(/^-|-$/g, "")}-db`,
    type: database.type,
    path: database.type === "sqlite" ? at(look, database.path) : null,
    scheme: database.type === "mysql" ? (database.scheme ?? null) : null,
    migrate: look.directory === "." ? found.migrate : `cd ${quoted(look.directory)} && ${found.migrate}`,
    inputs: found.inputs.map((name) => at(look, name)),
    tool: found.tool,
    ignoresUrl: database.type !== "sqlite" && reads && !looksAtUrl.test(reads.text) ? at(look, reads.name) : null,
  };
}

/** A variable or a helper that reads it; which one cannot be told for sure. */
const looksAtUrl = /DATABASE_URL|dj_database_url|\benv(\.db)?\(|process\.env|os\.environ|getenv/;

const runners: Record<PackageManager, string> = { npm: "npx", pnpm: "pnpm exec", yarn: "yarn", bun: "bunx" };

interface Node {
  manifest: PackageManifest;
  run: string;
}

async function ofNode(look: Look, node: Node): Promise<Found | null> {
  return (
    (await prisma(look, node)) ??
    (await drizzle(look, node)) ??
    (await knex(look, node)) ??
    (await typeOrm(look, node)) ??
    (await sequelize(look, node))
  );
}

async function prisma(look: Look, { run }: Node): Promise<Found | null> {
  const config = await firstPresent(look, ["prisma.config.ts", "prisma.config.js", "prisma.config.mjs"]);
  const named = /\bschema:\s*["'](?:\.\/)?([\w./-]+?)\/?["']/.exec(config?.text ?? "")?.[1];
  const schema = await firstPresent(look, [
    ...(named ? [named, `${named}/schema.prisma`] : []),
    "prisma/schema.prisma",
    "schema.prisma",
    "prisma/schema/schema.prisma",
  ]);
  const source = /datasource\s+\w+\s*\{[^}]*\}/.exec(schema?.text ?? "")?.[0];
  if (!schema || !source) return null;
  const provider = /provider\s*=\s*"(\w+)"/.exec(source)?.[1] ?? "";
  const folder = schema.name.replace(/[^/]*$/, "");
  const written = /\bmigrations:\s*\{[^}]*\bpath:\s*["'](?:\.\/)?([\w./-]+?)\/?["']/.exec(config?.text ?? "")?.[1];
  const places = [...(written ? [written] : []), `${folder}migrations`, "prisma/migrations"];
  const present = await Promise.all(places.map(async (place) => ((await has(look, place)) ? place : null)));
  const versioned = present.find((place) => place !== null);
  // A schema of several files lies in a folder of its own.
  const schemas = /(^|\/)schema\/$/.test(folder) ? `${folder}**` : schema.name;
  // A path in the file is seen from the schema; one from DATABASE_URL is unknown, and this is the name that Prisma itself proposes.
  const file = /url\s*=\s*"file:(?:\.\/)?([^"?]+)"/.exec(source)?.[1] ?? "dev.db";
  return {
    tool: "Prisma",
    database: databaseOf(provider, folder + file),
    migrate: versioned ? `${run} prisma migrate deploy` : `${run} prisma db push`,
    inputs: versioned ? [schemas, `${versioned}/**`] : [schemas],
    reads: { name: config ? config.name : schema.name, text: `${source}${config?.text ?? ""}` },
  };
}

async function drizzle(look: Look, { run }: Node): Promise<Found | null> {
  const config = await firstPresent(look, ["drizzle.config.ts", "drizzle.config.js", "drizzle.config.mjs"]);
  if (!config) return null;
  const dialect = /dialect:\s*["'](\w+)["']/.exec(config.text)?.[1] ?? "";
  const out = /out:\s*["'](?:\.\/)?([\w./-]+?)\/?["']/.exec(config.text)?.[1] ?? "drizzle";
  const versioned = await has(look, out);
  const schemas = /schema:\s*\[?\s*((?:["'][\w./*-]+["'][\s,]*)+)/.exec(config.text)?.[1] ?? "";
  const tables = [...schemas.matchAll(/["'](?:\.\/)?([^"']+)["']/g)].map(([, name = ""]) => name);
  const file = /url:\s*["'](?:file:)?(?:\.\/)?([\w./-]+)["']/.exec(config.text)?.[1];
  return {
    tool: "Drizzle",
    database: databaseOf(dialect, file),
    migrate: versioned ? `${run} drizzle-kit migrate` : `${run} drizzle-kit push`,
    inputs: versioned ? [`${out}/**`] : [config.name, ...tables],
    reads: config,
  };
}

async function knex(look: Look, { run, manifest }: Node): Promise<Found | null> {
  const config = await firstPresent(look, ["knexfile.js", "knexfile.ts", "knexfile.cjs", "knexfile.mjs"]);
  if (!config || !manifest.dependencies.has("knex")) return null;
  const client = /client:\s*["']([\w-]+)["']/.exec(config.text)?.[1] ?? "";
  const file = /filename:\s*["'](?:\.\/)?([\w./-]+)["']/.exec(config.text)?.[1];
  const folder = /migrations:\s*\{[^}]*directory:\s*["'](?:\.\/)?([\w./-]+?)\/?["']/.exec(config.text)?.[1] ?? "migrations";
  return {
    tool: "Knex",
    database: databaseOf(client, file),
    migrate: `${run} knex migrate:latest`,
    inputs: [`${folder}/**`],
    reads: config,
  };
}

async function typeOrm(look: Look, { run, manifest }: Node): Promise<Found | null> {
  if (!manifest.dependencies.has("typeorm")) return null;
  const names = ["src/data-source.ts", "data-source.ts", "src/database/data-source.ts", "src/data-source.js", "data-source.js"];
  const source = await firstPresent(look, names);
  if (!source) return null;
  const type = /type:\s*["']([\w-]+)["']/.exec(source.text)?.[1] ?? "";
  const file = /database:\s*["'](?:\.\/)?([\w./-]+)["']/.exec(source.text)?.[1];
  const folder = source.name.replace(/[^/]*$/, "");
  const written = /migrations:\s*\[\s*(?:__dirname\s*\+\s*["']\/|["'](?:\.\/)?)([\w./-]*migrations?)\b/.exec(source.text)?.[1];
  const places = [...(written ? [written, folder + written] : []), `${folder}migration`, `${folder}migrations`, "migrations"];
  const present = await Promise.all(places.map(async (place) => ((await has(look, place)) ? place : null)));
  const migrations = present.find((place) => place !== null);
  const program = source.name.endsWith(".ts") ? "typeorm-ts-node-commonjs" : "typeorm";
  return {
    tool: "TypeORM",
    database: databaseOf(type, file),
    migrate: `${run} ${program} migration:run -d ${source.name}`,
    inputs: [migrations ? `${migrations}/**` : `${folder}**`],
    reads: source,
  };
}

async function sequelize(look: Look, { run, manifest }: Node): Promise<Found | null> {
  if (!manifest.dependencies.has("sequelize-cli")) return null;
  const rc = (await look.files.read(at(look, ".sequelizerc"))) ?? "";
  const pathIn = (key: string) => {
    const words = new RegExp(`["']${key}["']\\s*:\\s*(?:path\\.(?:resolve|join)\\((?:__dirname\\s*,)?([^)]*)\\)|(["'][^"']+["']))`).exec(
      rc,
    );
    const parts = [...(words?.[1] ?? words?.[2] ?? "").matchAll(/["'](?:\.\/)?([\w./-]+?)\/?["']/g)].map(([, part = ""]) => part);
    return parts.length > 0 ? parts.join("/") : null;
  };
  const named = pathIn("config");
  const config = await firstPresent(look, [...(named ? [named] : []), "config/config.json", "config/config.js", "config/database.js"]);
  const development = /["']?development["']?\s*:\s*\{[^}]*\}/.exec(config?.text ?? "")?.[0] ?? config?.text ?? "";
  const dialect = /["']?dialect["']?\s*:\s*["'](\w+)["']/.exec(development)?.[1] ?? "";
  const file = /["']?storage["']?\s*:\s*["'](?:\.\/)?([\w./-]+)["']/.exec(development)?.[1];
  return {
    tool: "Sequelize",
    // It takes the kind of database from the URL.
    database: dialect === "mariadb" ? { type: "mysql", scheme: dialect } : databaseOf(dialect, file),
    // Its configuration names a database in parts unless it says which variable has the URL.
    migrate: `${run} sequelize-cli db:migrate${/^(postgres|mysql|mariadb)$/.test(dialect) && !/use_env_variable/.test(development) ? ' --url "$DATABASE_URL"' : ""}`,
    inputs: [`${pathIn("migrations-path") ?? "migrations"}/**`],
    reads: null,
  };
}

async function django(look: Look): Promise<Found | null> {
  const manage = await look.files.read(at(look, "manage.py"));
  const module = /DJANGO_SETTINGS_MODULE["'],\s*["']([\w.]+)["']/.exec(manage ?? "")?.[1];
  if (!module) return null;
  const path = module.replaceAll(".", "/");
  const settings = await firstPresent(look, [`${path}.py`, `${path}/__init__.py`, path.replace(/[^/]*$/, "base.py")]);
  const engine = /["']django\.(?:contrib\.gis\.)?db\.backends\.(\w+)["']/.exec(settings?.text ?? "")?.[1] ?? "";
  const file = /["']NAME["']\s*:\s*(?:str\()?(?:BASE_DIR\s*\/\s*|os\.path\.join\(BASE_DIR,\s*)?["']([\w./-]+)["']/.exec(
    settings?.text ?? "",
  )?.[1];
  const { python } = await pythonTools(look);
  return {
    tool: "Django",
    database: databaseOf(engine, file),
    migrate: `${python} manage.py migrate --noinput`,
    inputs: ["**/migrations/*.py"],
    reads: settings,
  };
}

async function alembic(look: Look): Promise<Found | null> {
  const config = await look.files.read(at(look, "alembic.ini"));
  if (config === null) return null;
  const { python, listed } = await pythonTools(look);
  const folder = /^script_location\s*=\s*(?:%\(here\)s\/)?([\w./-]+)\s*$/m.exec(config)?.[1] ?? "alembic";
  const url = /^sqlalchemy\.url\s*=\s*(\S+)/m.exec(config)?.[1] ?? "";
  const file = /^sqlite:\/\/\/(?:\.\/)?([\w.-][\w./-]*)$/.exec(url)?.[1];
  const other = /^(sqlite|mysql|mariadb)/.test(url);
  const postgres = /^postgres/.test(url) || (!other && /\b(psycopg\d?|psycopg2-binary|asyncpg|pg8000)\b/.test(listed));
  return {
    tool: "Alembic",
    database: postgres ? { type: "postgres" } : file ? sqliteAt(file) : sqlAlchemyMysql(url, listed),
    migrate: `${python} -m alembic upgrade head`,
    inputs: [`${folder}/**`],
    reads: { name: "alembic.ini", text: `${config}${(await look.files.read(at(look, `${folder}/env.py`))) ?? ""}` },
  };
}

async function rails(look: Look): Promise<Found | null> {
  const config = await look.files.read(at(look, "config/database.yml"));
  if (config === null || !(await has(look, "db"))) return null;
  const adapter = /^\s*adapter:\s*["']?(\w+)/m.exec(config)?.[1] ?? "";
  const file = /^development:[\s\S]*?^\s+database:\s*["']?([\w./-]+\.sqlite3)/m.exec(config)?.[1];
  const program = (await look.files.read(at(look, "bin/rails"))) === null ? "bundle exec rails" : "bin/rails";
  return {
    tool: "Rails",
    // Its URL begins with the name of the adapter.
    database: /^(mysql2|trilogy)$/.test(adapter) ? { type: "mysql", scheme: adapter } : databaseOf(adapter, file),
    migrate: `${program} db:migrate`,
    inputs: ["db/migrate/**", ...(await presentNames(look, ["db/schema.rb", "db/structure.sql"]))],
    // Rails takes DATABASE_URL before what stands in database.yml.
    reads: null,
  };
}

async function sqlFiles(look: Look): Promise<Found | null> {
  const found = await detectSqlMigrations(look);
  return found && { ...found, database: { type: found.type }, reads: null };
}

/** By the word that a tool has for it. */
function databaseOf(word: string, file: string | undefined): Found["database"] {
  if (/^(pg|postgres(ql)?|postgis)$/.test(word)) return { type: "postgres" };
  if (/^(mysql2?|mariadb)$/.test(word)) return { type: "mysql" };
  return /^(better-)?sqlite3?$/.test(word) && file ? sqliteAt(file) : null;
}

/** The driver stands in the URL; without a URL it is the one that is installed. */
function sqlAlchemyMysql(url: string, listed: string): Found["database"] {
  const written = /^(mysql|mariadb)\+\w+/.exec(url)?.[0];
  const driver = /\b(pymysql|asyncmy|aiomysql|mysqlclient)\b/i.exec(listed)?.[1]?.toLowerCase();
  const scheme = written ?? (driver === undefined || driver === "mysqlclient" ? undefined : `mysql+${driver}`);
  if (!/^(mysql|mariadb)/.test(url) && (driver === undefined || url.startsWith("sqlite"))) return null;
  return scheme === undefined ? { type: "mysql" } : { type: "mysql", scheme };
}

/** A path that leaves the folder is not a file of its own in each worktree. */
function sqliteAt(path: string): Found["database"] {
  return path.startsWith("/") || path.split("/").includes("..") ? null : { type: "sqlite", path };
}

async function presentNames(look: Look, names: string[]): Promise<string[]> {
  const texts = await Promise.all(names.map((name) => look.files.read(at(look, name))));
  return names.filter((_, index) => texts[index] !== null);
}

async function has(look: Look, folder: string): Promise<boolean> {
  return (await look.files.list(at(look, folder))).length > 0;
}

function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
