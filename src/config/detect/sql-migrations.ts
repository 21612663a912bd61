// Migrations that are SQL files, run by a program that is not of the app's language: golang-migrate, Flyway, or psql alone.
import { at, firstPresent, type Look } from "./part.ts";

export interface SqlMigrations {
  tool: string;
  type: "postgres" | "mysql";
  migrate: string;
  inputs: string[];
}

const folders = [
  "migrations",
  "db/migrations",
  "db/migration",
  "database/migrations",
  "sql/migrations",
  "sql",
  "internal/db/migrations",
  "src/main/resources/db/migration",
];

/** null unless it is PostgreSQL or MySQL that they are for. */
export async function detectSqlMigrations(look: Look): Promise<SqlMigrations | null> {
  return (await golangMigrate(look)) ?? (await flyway(look)) ?? (await plainFolder(look));
}

async function golangMigrate(look: Look): Promise<SqlMigrations | null> {
  const modules = (await look.files.read(at(look, "go.mod"))) ?? "";
  const postgres = /github\.com\/(lib\/pq|jackc\/pgx)\b/.test(modules);
  const mysql = !postgres && modules.includes("github.com/go-sql-driver/mysql");
  if (!modules.includes("github.com/golang-migrate/migrate") || !(postgres || mysql)) return null;
  const folder = await folderWith(look, (name) => name.endsWith(".up.sql"));
  if (folder === null) return null;
  // Its driver asks for TLS unless it is told not to; the server is on this machine.
  const url = mysql ? "mysql://$MYSQL_USER:$MYSQL_PASSWORD@tcp($MYSQL_HOST:$MYSQL_PORT)/$MYSQL_DATABASE" : "$DATABASE_URL?sslmode=disable";
  const migrate = `migrate -path ${folder} -database "${url}" up`;
  return { tool: "golang-migrate", type: mysql ? "mysql" : "postgres", migrate, inputs: [`${folder}/**`] };
}

async function flyway(look: Look): Promise<SqlMigrations | null> {
  const config = await firstPresent(look, ["flyway.toml", "flyway.conf", "conf/flyway.conf"]);
  const build = await firstPresent(look, ["pom.xml", "build.gradle", "build.gradle.kts"]);
  const uses = config !== null || /flyway/i.test(build?.text ?? "");
  const postgres = /jdbc:postgresql:/.test(config?.text ?? "") || /org\.postgresql|flyway-database-postgresql/.test(build?.text ?? "");
  const mysql = /jdbc:(mysql|mariadb):/.test(config?.text ?? "") || /com\.mysql|mariadb-java-client|flyway-mysql/.test(build?.text ?? "");
  if (!uses || postgres === mysql) return null;
  const named = /locations\s*=\s*\[?\s*["']?filesystem:(?:\.\/)?([\w./-]+)/.exec(config?.text ?? "")?.[1]?.replace(/\/$/, "");
  const isVersion = (name: string) => /^V\d[\w.]*__.*\.sql$/.test(name);
  const folder = named && (await look.files.list(at(look, named))).some(isVersion) ? named : await folderWith(look, isVersion);
  if (folder === null) return null;
  const names = postgres
    ? { scheme: "postgresql", host: "PGHOST", port: "PGPORT", database: "PGDATABASE", user: "PGUSER", password: "PGPASSWORD" }
    : {
        scheme: /mariadb/.test(`${config?.text}${build?.text}`) ? "mariadb" : "mysql",
        host: "MYSQL_HOST",
        port: "MYSQL_PORT",
        database: "MYSQL_DATABASE",
        user: "MYSQL_USER",
        password: "MYSQL_PASSWORD",
      };
  const url = `"-url=jdbc:${names.scheme}://$${names.host}:$${names.port}/$${names.database}" "-user=$${names.user}"`;
  return {
    tool: "Flyway",
    type: postgres ? "postgres" : "mysql",
    migrate: `FLYWAY_PASSWORD="$${names.password}" flyway ${url} -locations=filesystem:${folder} migrate`,
    inputs: [`${folder}/**`],
  };
}

/** Numbered files without any tool: psql runs each once, in the order of their names, and a table keeps which. */
async function plainFolder(look: Look): Promise<SqlMigrations | null> {
  if (!(await namesPostgres(look))) return null;
  const folder = await folderWith(look, (name) => /^\d[\w.-]*\.sql$/.test(name));
  if (folder === null) return null;
  const names = await look.files.list(at(look, folder));
  const paired = names.some((name) => name.endsWith(".up.sql"));
  // Steps back that no pattern tells from steps forward would be run too.
  if (!paired && names.some((name) => /[._-](down|undo|rollback)\.sql$/.test(name))) return null;
  const pattern = `${folder}/${paired ? "*.up.sql" : "*.sql"}`;
  const table = "plain_migrations";
  const steps = [
    'q() { psql -qtAX -v ON_ERROR_STOP=1 "$@"; }',
    `q -c "CREATE TABLE IF NOT EXISTS ${table} (name text PRIMARY KEY)"`,
    `for f in ${pattern}; do [ -n "$(q -c "SELECT 1 FROM ${table} WHERE name = '$f'")" ] || q -1 -f "$f" -c "INSERT INTO ${table} VALUES ('$f')" || exit 1; done`,
  ];
  return { tool: "SQL files", type: "postgres", migrate: `${steps[0]}; ${steps.slice(1).join(" && ")}`, inputs: [pattern] };
}

/** A client of PostgreSQL among what the project uses. */
async function namesPostgres(look: Look): Promise<boolean> {
  const lists = [
    "package.json",
    "requirements.txt",
    "pyproject.toml",
    "Pipfile",
    "go.mod",
    "Gemfile",
    "Cargo.toml",
    "compose.yaml",
    "docker-compose.yml",
  ];
  const clients =
    /["'](pg|postgres|@neondatabase\/serverless)["']\s*:|\bpsycopg\d?|\basyncpg\b|\bpg8000\b|lib\/pq\b|jackc\/pgx|tokio-postgres|gem ["']pg["']|image:\s*["']?postgres\b/;
  for (const name of lists) if (clients.test((await look.files.read(at(look, name))) ?? "")) return true;
  return false;
}

async function folderWith(look: Look, isOne: (name: string) => boolean): Promise<string | null> {
  for (const folder of folders) {
    const names = await look.files.list(at(look, folder));
    if (names.some(isOne)) return folder;
  }
  return null;
}
