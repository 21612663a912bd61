// What each kind of resource understands beside `type`. Descriptions, defaults and examples here go into docs/config-reference.md and
// docs/schemas/wt.schema.json.
import * as v from "valibot";
import { key, texts } from "./schema-key.ts";

const type = <const Name extends string>(name: Name) =>
  v.pipe(v.literal(name), v.metadata({ description: "The kind of resource.", examples: [name] }));

const migrate = key(v.string(), {
  description: "Shell command that brings a new database to the newest schema. It runs in the worktree, with the resource's variables.",
  examples: ["npm run migrate"],
});
const seed = key(v.string(), {
  description: "Shell command that fills a new database, after `migrate`.",
  examples: ["npm run seed"],
});

const migrateInputs = key(texts, { description: "Files or globs that `migrate` reads.", examples: [["db/migrations/**"]] });
const seedInputs = key(texts, { description: "Files or globs that `seed` reads.", examples: [["db/seed.sql"]] });

/** A text, or whose content to begin with. */
const fromValue = v.union([
  v.string(),
  v.strictObject({
    environment: v.pipe(
      v.string(),
      v.metadata({
        description:
          "The environment whose resource of the same name it begins as a fork of, with its present content: its slug, or `main` for the main worktree.",
        examples: ["main"],
      }),
    ),
  }),
]);

const mysqlEntries = {
  branch: key(v.picklist(["own", "shared"]), {
    description:
      "`own`: a database server of its own for every environment, asleep when idle. `shared`: everybody uses the database at `url`.",
    default: "own",
    examples: ["shared"],
  }),
  url: key(v.string(), {
    description: "With `branch: shared` only: the database that everybody uses.",
    examples: ["mysql://app:secret@localhost:3306/app"],
  }),
  server: key(v.string(), {
    description:
      "A server that is there already, by a URL that may create databases and users: each environment gets a database and a user of its own there.",
    examples: ["mysql://root:secret@localhost:3306"],
  }),
  version: key(v.union([v.number(), v.string()]), {
    description: "What the server's version begins with. Without this key: any.",
    examples: ["10.11", "8.4"],
  }),
  from: key(fromValue, {
    description:
      "What a new database begins with: an SQL file, by its path; with `server`, the name of a database that is copied. `{ environment: main }`: a fork of the main worktree's database, with what it holds now.",
    examples: ["db/structure.sql"],
  }),
  migrate,
  seed,
  mask: key(v.string(), {
    description: "SQL file that runs before a template is kept for other environments, so that they never see what it takes out.",
    examples: ["db/mask.sql"],
  }),
  inputs: key(v.union([texts, v.strictObject({ migrate: migrateInputs, seed: seedInputs })]), {
    description:
      "Files or globs that `migrate` and `seed` read: one list for both, or one for each. While they are unchanged, new environments copy what was made before; where migrations were only added, just those run; without inputs the commands run every time.",
    default: [],
    examples: [["db/migrations/**"], { migrate: ["db/migrations/**"], seed: ["db/seed.sql"] }],
  }),
  sleep: key(v.union([v.string(), v.boolean()]), {
    description:
      "How long nobody may use it before the server is stopped; the next connection starts it. `never` (or `false`) keeps it running.",
    default: "10m",
    examples: ["2h", "never"],
  }),
  settings: key(v.record(v.string(), v.union([v.string(), v.number(), v.boolean()])), {
    description: "Settings of the environment's server, as in my.cnf. Those that `wt` decides itself are refused.",
    default: {},
    examples: [{ innodb_buffer_pool_size: "128M" }],
  }),
  scheme: key(v.string(), {
    description: "How the URL begins, for libraries that want their own name there.",
    default: "mysql",
    examples: ["mysql2", "mysql+pymysql"],
  }),
  variable: key(v.string(), {
    description:
      "Variable that gets the URL. Only under the default name come host, port, user, password and database too (`MYSQL_HOST` …).",
    default: "DATABASE_URL",
    examples: ["ANALYTICS_DATABASE_URL"],
  }),
} as const;

/** What each kind of resource understands; documentation and editors read it, the drivers check. Tests keep the two equal. */
export const resourceKinds = {
  postgres: v.strictObject({
    type: type("postgres"),
    branch: key(v.picklist(["own", "shared"]), {
      description:
        "`own`: a database server of its own for every environment, asleep when idle. `shared`: everybody uses the database at `url`.",
      default: "own",
      examples: ["shared"],
    }),
    url: key(v.string(), {
      description: "With `branch: shared` only: the database that everybody uses.",
      examples: ["postgres://app:secret@localhost:5432/app"],
    }),
    server: key(v.string(), {
      description:
        "A server that is there already, by a URL that may create databases and roles: each environment gets a database and a role of its own there.",
      examples: ["postgres://postgres:secret@localhost:5432/postgres"],
    }),
    remote: key(v.picklist(["neon"]), {
      description: "A service that keeps the database: each environment gets a branch of a project there.",
      examples: ["neon"],
    }),
    project: key(v.string(), { description: "With `remote` only: the id of the project.", examples: ["quiet-river-12345678"] }),
    parent: key(v.string(), {
      description:
        "With `remote` only: name or id of the branch that others are made from. Without this key: the project's default branch.",
      examples: ["staging"],
    }),
    database: key(v.string(), {
      description: "With `remote` only: the database that the app uses. Without this key: the only one there is.",
      examples: ["neondb"],
    }),
    role: key(v.string(), {
      description: "With `remote` only: the role that the app connects as. Without this key: the owner of the database.",
      examples: ["neondb_owner"],
    }),
    api_key_variable: key(v.string(), {
      description:
        "With `remote` only: the variable of your own environment that holds the API key. The key itself never stands in wt.yaml.",
      default: "NEON_API_KEY",
      examples: ["SHOP_NEON_API_KEY"],
    }),
    version: key(v.union([v.number(), v.string()]), {
      description: "Major version of PostgreSQL, from 13 on. Without this key: any.",
      examples: [18],
    }),
    from: key(fromValue, {
      description:
        "What a new database begins with: an SQL file or a dump of `pg_dump`, by its path; with `server`, the name of a template database. `{ environment: main }`: a fork of the main worktree's database, with what it holds now.",
      examples: ["db/structure.sql"],
    }),
    migrate,
    seed,
    mask: key(v.string(), {
      description: "SQL file that runs before a template is kept for other environments, so that they never see what it takes out.",
      examples: ["db/mask.sql"],
    }),
    inputs: key(v.union([texts, v.strictObject({ migrate: migrateInputs, seed: seedInputs })]), {
      description:
        "Files or globs that `migrate` and `seed` read: one list for both, or one for each. While they are unchanged, new environments copy what was made before; where migrations were only added, just those run; without inputs the commands run every time.",
      default: [],
      examples: [["db/migrations/**"], { migrate: ["db/migrations/**"], seed: ["db/seed.sql"] }],
    }),
    extensions: key(texts, {
      description: "Extensions that are created in a new database.",
      default: [],
      examples: [["pgcrypto"]],
    }),
    locale: key(v.string(), { description: "Locale of the server's databases.", examples: ["de_DE.UTF-8"] }),
    sleep: key(v.union([v.string(), v.boolean()]), {
      description:
        "How long nobody may use it before the server is stopped; the next connection starts it. `never` (or `false`) keeps it running.",
      default: "10m",
      examples: ["2h", "never"],
    }),
    settings: key(v.record(v.string(), v.union([v.string(), v.number(), v.boolean()])), {
      description:
        "Settings of PostgreSQL for the environment's server, as in postgresql.conf. Those that `wt` decides itself are refused.",
      default: {},
      examples: [{ max_connections: 100 }],
    }),
    variable: key(v.string(), {
      description: "Variable that gets the URL.",
      default: "DATABASE_URL",
      examples: ["ANALYTICS_DATABASE_URL"],
    }),
  }),
  mysql: v.strictObject({ type: type("mysql"), ...mysqlEntries }),
  mariadb: v.strictObject({ type: type("mariadb"), ...mysqlEntries }),
  directory: v.strictObject({
    type: type("directory"),
    path: v.pipe(v.string(), v.metadata({ description: "The directory, relative to the worktree.", examples: ["uploads"] })),
    from: key(fromValue, {
      description:
        "Directory to copy, absolute, with `~/`, or relative to the main worktree. Without this key: the same path in the main worktree, or an empty directory where it has none. Links that lead out of it are left out. `{ environment: main }`: a copy of that environment's.",
      examples: ["~/shop-uploads"],
    }),
    variable: key(v.string(), {
      description: "Variable that gets the absolute path. Without this key: the resource's name in capitals and `_PATH`.",
      examples: ["UPLOADS_DIR"],
    }),
  }),
  sqlite: v.strictObject({
    type: type("sqlite"),
    path: v.pipe(v.string(), v.metadata({ description: "The database file, relative to the worktree.", examples: ["data/app.db"] })),
    from: key(fromValue, {
      description:
        "Database to copy, absolute, with `~/`, or relative to the main worktree; it may be in use. Without this key: the same path in the main worktree, or nothing where it has none. `{ environment: main }`: a fork of that environment's.",
      examples: ["fixtures/big.db"],
    }),
    migrate,
    seed,
    url_format: key(v.picklist(["file", "sqlite", "sqlalchemy", "path"]), {
      description: "How the URL is written: `file:/…`, `sqlite:/…`, `sqlite:////…` (SQLAlchemy, Django), or the path alone.",
      default: "file",
      examples: ["sqlalchemy"],
    }),
    variable: key(v.string(), {
      description: "Variable that gets the URL. The path is always in the resource's name in capitals and `_PATH`.",
      default: "DATABASE_URL",
      examples: ["CACHE_DATABASE_URL"],
    }),
  }),
  redis: v.strictObject({
    type: type("redis"),
    server: key(v.string(), {
      description:
        "A Redis that is there already, by a URL that may manage users: each environment gets a user of its own there, who reaches keys that begin with its prefix and no others.",
      examples: ["redis://default:secret@localhost:6379"],
    }),
    database: key(v.picklist(["auto"]), {
      description:
        "With `server` only: `auto` gives each environment a logical database (a number) instead of a user and a prefix. For a Redis before version 6, and for apps that cannot put a prefix before their keys.",
      examples: ["auto"],
    }),
    from: key(fromValue, {
      description:
        "RDB file to begin with, absolute, with `~/`, or relative to the main worktree. Without this key it begins empty. `{ environment: main }`: a fork of that environment's.",
      examples: ["fixtures/dump.rdb"],
    }),
    seed: key(v.string(), {
      description: "Shell command that fills a new server. It runs in the worktree, with the resource's variables.",
      examples: ["npm run seed:cache"],
    }),
    persist: key(v.picklist(["snapshot", "append", "none"]), {
      description:
        "What survives when the server is killed: `snapshot` loses at most some minutes, `append` at most a second, `none` everything. An orderly stop, as when it goes to sleep, always saves.",
      default: "snapshot",
      examples: ["append"],
    }),
    max_memory: key(v.string(), {
      description:
        "Limit of the data's memory, as Redis writes it; keys are evicted least recently used first. Without this key: no limit.",
      examples: ["256mb"],
    }),
    variable: key(v.string(), {
      description:
        "Variable that gets the URL; it ends with `_URL`. Host, port and password are named alike: `REDIS_HOST`, `REDIS_PORT`, `REDIS_PASSWORD`.",
      default: "REDIS_URL",
      examples: ["QUEUE_REDIS_URL"],
    }),
  }),
  exec: v.strictObject({
    type: type("exec"),
    create: v.pipe(
      v.string(),
      v.metadata({
        description:
          'Shell command that makes it, again where it exists already. It runs in the worktree, reads the specification as JSON on its input and prints `{ "variables": {…}, "values": {…} }` as JSON.',
        examples: ["./scripts/vhost.sh create"],
      }),
    ),
    destroy: v.pipe(
      v.string(),
      v.metadata({
        description:
          "Shell command that removes it, and succeeds where it is gone already. It reads the specification with what `create` printed.",
        examples: ["./scripts/vhost.sh destroy"],
      }),
    ),
    reset: key(v.string(), {
      description: "Shell command that brings it back to how it was made. Without this key: `destroy`, then `create`.",
      examples: ["./scripts/vhost.sh reset"],
    }),
    check: key(v.string(), {
      description: "Shell command that succeeds while it is there and works.",
      examples: ["./scripts/vhost.sh check"],
    }),
    variables: key(texts, {
      description:
        "Names of the variables that `create` prints, neither more nor fewer; `wt` makes sure that nothing else sets them. Without this key it may print any.",
      examples: [["AMQP_URL"]],
    }),
  }),
} as const;
