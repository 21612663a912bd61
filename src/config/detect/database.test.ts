import { describe, expect, test } from "bun:test";
import { memoryFiles } from "../../../test/support/repository-files.ts";
import { checkOptions } from "../../resource/check-options.ts";
import { parseMysqlOptions } from "../../resource/mysql/mysql-options.ts";
import { parsePostgresOptions } from "../../resource/postgres/postgres-options.ts";
import { sqliteOptions } from "../../resource/sqlite/sqlite-resource.ts";
import { detectConfig } from "../detect.ts";
import { parseConfig } from "../parse-config.ts";
import { detectDatabase } from "./database.ts";

const manifest = (...dependencies: string[]) =>
  JSON.stringify({ scripts: { dev: "node server.js" }, dependencies: Object.fromEntries(dependencies.map((name) => [name, "1"])) });
const prismaSchema = (provider: string, url: string) =>
  `generator client {\n  provider = "prisma-client-js"\n}\ndatasource db {\n  provider = "${provider}"\n  url = ${url}\n}\n`;
const manage = `os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_app.settings")\nfrom django.core.management import execute_from_command_line\n`;

const plain = (pattern: string) =>
  `q() { psql -qtAX -v ON_ERROR_STOP=1 "$@"; }; q -c "CREATE TABLE IF NOT EXISTS plain_migrations (name text PRIMARY KEY)" && for f in ${pattern}; do [ -n "$(q -c "SELECT 1 FROM plain_migrations WHERE name = '$f'")" ] || q -1 -f "$f" -c "INSERT INTO plain_migrations VALUES ('$f')" || exit 1; done`;

interface Expected {
  type: "postgres" | "mysql" | "sqlite";
  path?: string;
  scheme?: string;
  migrate: string;
  inputs: string[];
}

const cases: [string, Record<string, string>, Expected | null][] = [
  [
    "Prisma with PostgreSQL",
    {
      "package.json": manifest("express"),
      "prisma/schema.prisma": prismaSchema("postgresql", 'env("DATABASE_URL")'),
      "prisma/migrations/1/migration.sql": "",
    },
    { type: "postgres", migrate: "npx prisma migrate deploy", inputs: ["prisma/schema.prisma", "prisma/migrations/**"] },
  ],
  [
    "Prisma with SQLite and no migrations",
    { "package.json": manifest("express"), "prisma/schema.prisma": prismaSchema("sqlite", '"file:./app.db"') },
    { type: "sqlite", path: "prisma/app.db", migrate: "npx prisma db push", inputs: ["prisma/schema.prisma"] },
  ],
  [
    "Prisma with MySQL",
    { "package.json": manifest("express"), "prisma/schema.prisma": prismaSchema("mysql", 'env("DATABASE_URL")') },
    { type: "mysql", migrate: "npx prisma db push", inputs: ["prisma/schema.prisma"] },
  ],
  [
    "Prisma with SQL Server",
    { "package.json": manifest("express"), "prisma/schema.prisma": prismaSchema("sqlserver", 'env("URL")') },
    null,
  ],
  [
    "Drizzle with MySQL",
    { "package.json": manifest("express"), "drizzle.config.ts": `export default defineConfig({ dialect: "mysql" });`, "drizzle/0.sql": "" },
    { type: "mysql", migrate: "npx drizzle-kit migrate", inputs: ["drizzle/**"] },
  ],
  [
    "Knex with mysql2",
    {
      "package.json": manifest("express", "knex", "mysql2"),
      "knexfile.js": `module.exports = { client: "mysql2", connection: process.env.DATABASE_URL };`,
    },
    { type: "mysql", migrate: "npx knex migrate:latest", inputs: ["migrations/**"] },
  ],
  [
    "TypeORM with MariaDB",
    {
      "package.json": manifest("express", "typeorm"),
      "data-source.js": `new DataSource({ type: "mariadb", url: process.env.DATABASE_URL })`,
    },
    { type: "mysql", migrate: "npx typeorm migration:run -d data-source.js", inputs: ["**"] },
  ],
  [
    "Sequelize with MariaDB",
    {
      "package.json": manifest("express", "sequelize-cli"),
      "config/config.json": `{ "development": { "dialect": "mariadb", "database": "app" } }`,
    },
    { type: "mysql", scheme: "mariadb", migrate: 'npx sequelize-cli db:migrate --url "$DATABASE_URL"', inputs: ["migrations/**"] },
  ],
  [
    "Django with MySQL",
    {
      "manage.py": manage,
      "uv.lock": "",
      "site_app/settings.py": `DATABASES = {"default": {"ENGINE": "django.db.backends.mysql", "HOST": os.environ["MYSQL_HOST"]}}`,
    },
    { type: "mysql", migrate: "uv run python manage.py migrate --noinput", inputs: ["**/migrations/*.py"] },
  ],
  [
    "Alembic with PyMySQL",
    { "alembic.ini": "[alembic]\n", "requirements.txt": "alembic\nPyMySQL==1.1\n" },
    { type: "mysql", scheme: "mysql+pymysql", migrate: ".venv/bin/python -m alembic upgrade head", inputs: ["alembic/**"] },
  ],
  [
    "Alembic with mysqlclient",
    { "alembic.ini": "[alembic]\n", "requirements.txt": "alembic\nmysqlclient\n" },
    { type: "mysql", migrate: ".venv/bin/python -m alembic upgrade head", inputs: ["alembic/**"] },
  ],
  [
    "Alembic with the URL of a driver",
    {
      "alembic.ini": "[alembic]\nsqlalchemy.url = mariadb+mariadbconnector://app@localhost/app\n",
      "requirements.txt": "alembic\npsycopg\n",
    },
    { type: "mysql", scheme: "mariadb+mariadbconnector", migrate: ".venv/bin/python -m alembic upgrade head", inputs: ["alembic/**"] },
  ],
  [
    "Rails with mysql2",
    { "bin/rails": "", "db/schema.rb": "", "config/database.yml": "default: &default\n  adapter: mysql2\n" },
    { type: "mysql", scheme: "mysql2", migrate: "bin/rails db:migrate", inputs: ["db/migrate/**", "db/schema.rb"] },
  ],
  [
    "golang-migrate with MySQL",
    {
      "go.mod": "require github.com/golang-migrate/migrate/v4 v4.17.0\nrequire github.com/go-sql-driver/mysql v1.7.0\n",
      "migrations/1_a.up.sql": "",
    },
    {
      type: "mysql",
      migrate: 'migrate -path migrations -database "mysql://$MYSQL_USER:$MYSQL_PASSWORD@tcp($MYSQL_HOST:$MYSQL_PORT)/$MYSQL_DATABASE" up',
      inputs: ["migrations/**"],
    },
  ],
  [
    "Flyway with MariaDB",
    { "flyway.conf": "flyway.url=jdbc:mariadb://localhost/app\n", "sql/V1__a.sql": "" },
    {
      type: "mysql",
      migrate:
        'FLYWAY_PASSWORD="$MYSQL_PASSWORD" flyway "-url=jdbc:mariadb://$MYSQL_HOST:$MYSQL_PORT/$MYSQL_DATABASE" "-user=$MYSQL_USER" -locations=filesystem:sql migrate',
      inputs: ["sql/**"],
    },
  ],
  [
    "Prisma with a database outside",
    { "package.json": manifest("express"), "prisma/schema.prisma": prismaSchema("sqlite", '"file:../../shared.db"') },
    null,
  ],
  [
    "Drizzle with PostgreSQL",
    {
      "package.json": manifest("express"),
      "drizzle.config.ts": `export default defineConfig({ dialect: "postgresql", out: "./db/out" });`,
      "db/out/0000.sql": "",
    },
    { type: "postgres", migrate: "npx drizzle-kit migrate", inputs: ["db/out/**"] },
  ],
  [
    "Drizzle with SQLite",
    {
      "package.json": manifest("express"),
      "drizzle.config.ts": `export default { dialect: 'sqlite', dbCredentials: { url: 'file:./local.db' } };`,
    },
    { type: "sqlite", path: "local.db", migrate: "npx drizzle-kit push", inputs: ["drizzle.config.ts"] },
  ],
  [
    "Knex with PostgreSQL",
    { "package.json": manifest("express", "knex", "pg"), "knexfile.js": `module.exports = { development: { client: "pg" } };` },
    { type: "postgres", migrate: "npx knex migrate:latest", inputs: ["migrations/**"] },
  ],
  [
    "TypeORM with PostgreSQL",
    { "package.json": manifest("express", "typeorm"), "src/data-source.ts": `new DataSource({ type: "postgres", migrations: [] })` },
    { type: "postgres", migrate: "npx typeorm-ts-node-commonjs migration:run -d src/data-source.ts", inputs: ["src/**"] },
  ],
  [
    "Sequelize with SQLite in development",
    {
      "package.json": manifest("express", "sequelize-cli"),
      "config/config.json": `{ "development": { "dialect": "sqlite", "storage": "./dev.sqlite" }, "production": { "dialect": "postgres" } }`,
    },
    { type: "sqlite", path: "dev.sqlite", migrate: "npx sequelize-cli db:migrate", inputs: ["migrations/**"] },
  ],
  [
    "Django with PostgreSQL",
    {
      "manage.py": manage,
      "uv.lock": "",
      "site_app/settings.py": `DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "app"}}`,
    },
    { type: "postgres", migrate: "uv run python manage.py migrate --noinput", inputs: ["**/migrations/*.py"] },
  ],
  [
    "Django with SQLite",
    {
      "manage.py": manage,
      "site_app/settings.py": `DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': BASE_DIR / 'db.sqlite3'}}`,
    },
    { type: "sqlite", path: "db.sqlite3", migrate: "python3 manage.py migrate --noinput", inputs: ["**/migrations/*.py"] },
  ],
  ["Django with settings from elsewhere", { "manage.py": manage, "site_app/settings.py": `DATABASES = {"default": env.db()}` }, null],
  [
    "Alembic with the driver of PostgreSQL",
    { "alembic.ini": "[alembic]\nscript_location = db/versions\n", "requirements.txt": "alembic\npsycopg[binary]\n" },
    { type: "postgres", migrate: ".venv/bin/python -m alembic upgrade head", inputs: ["db/versions/**"] },
  ],
  [
    "Alembic with SQLite",
    { "alembic.ini": "[alembic]\nsqlalchemy.url = sqlite:///./app.db\n", "requirements.txt": "alembic\n" },
    { type: "sqlite", path: "app.db", migrate: ".venv/bin/python -m alembic upgrade head", inputs: ["alembic/**"] },
  ],
  [
    "Rails with PostgreSQL",
    { "bin/rails": "", "db/schema.rb": "", "config/database.yml": "default: &default\n  adapter: postgresql\n" },
    { type: "postgres", migrate: "bin/rails db:migrate", inputs: ["db/migrate/**", "db/schema.rb"] },
  ],
  [
    "Rails with SQLite",
    {
      "db/schema.rb": "",
      "config/database.yml":
        "default: &default\n  adapter: sqlite3\n\ndevelopment:\n  <<: *default\n  database: storage/development.sqlite3\n",
    },
    {
      type: "sqlite",
      path: "storage/development.sqlite3",
      migrate: "bundle exec rails db:migrate",
      inputs: ["db/migrate/**", "db/schema.rb"],
    },
  ],
  [
    "golang-migrate with PostgreSQL",
    {
      "go.mod": "require github.com/golang-migrate/migrate/v4 v4.17.0\nrequire github.com/jackc/pgx/v5 v5.5.0\n",
      "db/migrations/1_a.up.sql": "",
    },
    { type: "postgres", migrate: 'migrate -path db/migrations -database "$DATABASE_URL?sslmode=disable" up', inputs: ["db/migrations/**"] },
  ],
  [
    "Prisma 7 with a configuration and a schema of several files",
    {
      "package.json": manifest("express"),
      "prisma.config.ts": `export default defineConfig({ schema: "db/schema", migrations: { path: "db/steps" }, datasource: { url: env("DATABASE_URL") } });`,
      "db/schema/schema.prisma": `datasource db {\n  provider = "postgresql"\n}\n`,
      "db/steps/20260101000000_a/migration.sql": "",
    },
    { type: "postgres", migrate: "npx prisma migrate deploy", inputs: ["db/schema/**", "db/steps/**"] },
  ],
  [
    "Drizzle that pushes its tables",
    {
      "package.json": manifest("express"),
      "drizzle.config.ts": `export default defineConfig({ dialect: "postgresql", schema: ["./src/a.ts", "./src/b.ts"] });`,
    },
    { type: "postgres", migrate: "npx drizzle-kit push", inputs: ["drizzle.config.ts", "src/a.ts", "src/b.ts"] },
  ],
  [
    "Knex with a folder of its own",
    {
      "package.json": manifest("express", "knex", "pg"),
      "knexfile.js": `module.exports = { development: { client: "pg", connection: process.env.DATABASE_URL, migrations: { directory: "./db/migrations" } } };`,
    },
    { type: "postgres", migrate: "npx knex migrate:latest", inputs: ["db/migrations/**"] },
  ],
  [
    "TypeORM with migrations in the folder that it names",
    {
      "package.json": manifest("express", "typeorm"),
      "src/data-source.ts": `new DataSource({ type: "postgres", url: process.env.DATABASE_URL, migrations: ["src/migration/**/*.ts"] })`,
      "src/migration/1700000000000-a.ts": "",
    },
    {
      type: "postgres",
      migrate: "npx typeorm-ts-node-commonjs migration:run -d src/data-source.ts",
      inputs: ["src/migration/**"],
    },
  ],
  [
    "Sequelize with PostgreSQL and paths of its own",
    {
      "package.json": manifest("express", "sequelize-cli"),
      ".sequelizerc": `module.exports = { "config": path.resolve("db", "config.json"), 'migrations-path': path.resolve(__dirname, 'db', 'migrate') };`,
      "db/config.json": `{ "development": { "dialect": "postgres", "database": "app" } }`,
    },
    { type: "postgres", migrate: 'npx sequelize-cli db:migrate --url "$DATABASE_URL"', inputs: ["db/migrate/**"] },
  ],
  [
    "Sequelize that reads the variable itself",
    {
      "package.json": manifest("express", "sequelize-cli"),
      "config/config.json": `{ "development": { "dialect": "postgres", "use_env_variable": "DATABASE_URL" } }`,
    },
    { type: "postgres", migrate: "npx sequelize-cli db:migrate", inputs: ["migrations/**"] },
  ],
  [
    "Rails with PostgreSQL and a structure",
    {
      "bin/rails": "",
      "config/database.yml": "default: &default\n  adapter: postgresql\n",
      "db/migrate/20260101_a.rb": "",
      "db/structure.sql": "",
    },
    { type: "postgres", migrate: "bin/rails db:migrate", inputs: ["db/migrate/**", "db/structure.sql"] },
  ],
  [
    "Flyway with its configuration",
    {
      "flyway.toml": `[environments.dev]\nurl = "jdbc:postgresql://localhost/app"\n[flyway]\nlocations = ["filesystem:database/steps"]\n`,
      "database/steps/V1__a.sql": "",
    },
    {
      type: "postgres",
      migrate:
        'FLYWAY_PASSWORD="$PGPASSWORD" flyway "-url=jdbc:postgresql://$PGHOST:$PGPORT/$PGDATABASE" "-user=$PGUSER" -locations=filesystem:database/steps migrate',
      inputs: ["database/steps/**"],
    },
  ],
  [
    "Flyway of a Spring application",
    {
      "pom.xml": "<artifactId>flyway-database-postgresql</artifactId>",
      "src/main/resources/db/migration/V1__a.sql": "",
    },
    {
      type: "postgres",
      migrate:
        'FLYWAY_PASSWORD="$PGPASSWORD" flyway "-url=jdbc:postgresql://$PGHOST:$PGPORT/$PGDATABASE" "-user=$PGUSER" -locations=filesystem:src/main/resources/db/migration migrate',
      inputs: ["src/main/resources/db/migration/**"],
    },
  ],
  ["Flyway with SQL Server", { "flyway.conf": "flyway.url=jdbc:sqlserver://h\n", "sql/V1__a.sql": "" }, null],
  [
    "a folder of SQL files",
    { "package.json": manifest("express", "pg"), "migrations/001_a.sql": "", "migrations/002_b.sql": "" },
    { type: "postgres", migrate: plain("migrations/*.sql"), inputs: ["migrations/*.sql"] },
  ],
  [
    "a folder of SQL files up and down",
    { "requirements.txt": "psycopg[binary]\n", "db/migrations/1_a.up.sql": "", "db/migrations/1_a.down.sql": "" },
    { type: "postgres", migrate: plain("db/migrations/*.up.sql"), inputs: ["db/migrations/*.up.sql"] },
  ],
  [
    "SQL files with steps back that no pattern leaves out",
    { "package.json": manifest("express", "pg"), "migrations/001_a.sql": "", "migrations/001_a.down.sql": "" },
    null,
  ],
  ["SQL files of nobody knows what database", { "package.json": manifest("express"), "migrations/001_a.sql": "" }, null],
  ["no tool", { "package.json": manifest("express", "pg") }, null],
];

describe("detectDatabase", () => {
  test.each(cases)("%s", async (_, files, expected) => {
    const found = await detectDatabase({ files: memoryFiles(files), directory: ".", root: null }, "npm");
    if (expected === null || found === null) {
      expect(found).toBe(expected as null);
      return;
    }
    const { type, path, scheme, migrate, inputs, name } = found;
    expect({ type, path, scheme, migrate, inputs, name }).toEqual({ path: null, scheme: null, ...expected, name: "db" });
  });

  test.each(cases)("%s: in a folder", async (_, files, expected) => {
    const below = Object.fromEntries(Object.entries(files).map(([path, text]) => [`apps/my api/${path}`, text]));
    const found = await detectDatabase({ files: memoryFiles(below), directory: "apps/my api", root: null }, "npm");
    if (expected === null || found === null) {
      expect(found).toBe(expected as null);
      return;
    }
    expect(found.name).toBe("my-api-db");
    expect(found.migrate).toBe(`cd 'apps/my api' && ${expected.migrate}`);
    expect(found.path).toBe(expected.path === undefined ? null : `apps/my api/${expected.path}`);
  });
});

/** With the marks before it taken away, as the comment says. */
function unmarked(written: string): string {
  const lines = written.split("\n");
  const begin = lines.indexOf("# resources:");
  if (begin === -1) return written;
  const end = lines.indexOf("", begin);
  return lines.map((line, index) => (index >= begin && index < end ? line.slice(2) : line)).join("\n");
}

test.each(cases.filter(([, files, expected]) => expected && "package.json" in files))(
  "%s: proposed in comments that change nothing, and right once they are none",
  async (_, files, expected) => {
    const found = (await detectConfig(memoryFiles({ ...files, "server.js": "listen()" }), { projectFallback: "shop" }))!;
    expect(found.config.resources).toEqual({});
    const { config, errors } = parseConfig(unmarked(found.written), {
      path: "wt.yaml",
      projectFallback: "shop",
      resourceTypes: ["postgres", "mysql", "sqlite"],
      resourceProblems: ({ type, options }) => {
        const parse = type === "mysql" ? parseMysqlOptions : parsePostgresOptions;
        const parsed = type === "sqlite" ? checkOptions(options, sqliteOptions) : parse(options);
        return "problems" in parsed ? parsed.problems : [];
      },
    });
    expect(errors).toEqual([]);
    expect(config?.resources.db).toMatchObject({ type: expected!.type, options: { migrate: expected!.migrate } });
  },
);

test("a file that names its database itself is named", async () => {
  const look = (files: Record<string, string>) => ({
    files: memoryFiles({ "package.json": manifest("knex", "pg"), ...files }),
    directory: ".",
    root: null,
  });
  const own = `module.exports = { development: { client: "pg", connection: { database: "app" } } };`;
  expect((await detectDatabase(look({ "knexfile.js": own }), "npm"))?.ignoresUrl).toBe("knexfile.js");
  const reading = own.replace('{ database: "app" }', "process.env.DATABASE_URL");
  expect((await detectDatabase(look({ "knexfile.js": reading }), "npm"))?.ignoresUrl).toBeNull();
  const detected = await detectConfig(
    memoryFiles({ "package.json": manifest("express", "knex", "pg"), "server.js": "listen()", "knexfile.js": own }),
    {
      projectFallback: "shop",
    },
  );
  expect(detected?.written).toContain(
    "# knexfile.js names its database itself: let it read DATABASE_URL before you use this.\n# A database of its own",
  );
});
