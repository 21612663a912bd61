import { describe, expect, test } from "bun:test";
import { memoryFiles } from "../../../test/support/repository-files.ts";
import { checkOptions } from "../../resource/check-options.ts";
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

interface Expected {
  type: "postgres" | "sqlite";
  path?: string;
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
  ["Prisma with MySQL", { "package.json": manifest("express"), "prisma/schema.prisma": prismaSchema("mysql", 'env("URL")') }, null],
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
    { type: "postgres", migrate: 'migrate -path db/migrations -database "$DATABASE_URL" up', inputs: ["db/migrations/**"] },
  ],
  ["no tool", { "package.json": manifest("express", "pg") }, null],
];

describe("detectDatabase", () => {
  test.each(cases)("%s", async (_, files, expected) => {
    const found = await detectDatabase({ files: memoryFiles(files), directory: ".", root: null }, "npm");
    if (expected === null || found === null) {
      expect(found).toBe(expected as null);
      return;
    }
    const { type, path, migrate, inputs, name } = found;
    expect({ type, path, migrate, inputs, name }).toEqual({ path: null, ...expected, name: "db" });
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
      resourceTypes: ["postgres", "sqlite"],
      resourceProblems: ({ type, options }) => {
        const parsed = type === "sqlite" ? checkOptions(options, sqliteOptions) : parsePostgresOptions(options);
        return "problems" in parsed ? parsed.problems : [];
      },
    });
    expect(errors).toEqual([]);
    expect(config?.resources.db).toMatchObject({ type: expected!.type, options: { migrate: expected!.migrate } });
  },
);
