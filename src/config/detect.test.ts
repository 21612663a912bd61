import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { directoryFiles, memoryFiles } from "../../test/support/repository-files.ts";
import { detectConfig } from "./detect.ts";
import { parseWithCompose } from "./parse-with-compose.ts";

const root = join(import.meta.dir, "../../test/fixtures/detect");
const detect = (name: string) => detectConfig(directoryFiles(join(root, name)), { projectFallback: name });

interface Expected {
  setup: string[];
  /** name → command, directory when not the top, routes or kind of port. */
  services: Record<string, [run: string, where: string]>;
  because?: string;
}

const npm = (args: string) => `npm run dev -- ${args}`;
const vite = "--port $PORT --strictPort --host 127.0.0.1";
const plain = "--port $PORT --host 127.0.0.1";
const venv = (what: string) => `python3 -m venv .venv && .venv/bin/python -m pip install --quiet --disable-pip-version-check ${what}`;

const fixtures: Record<string, Expected | null> = {
  "vite-npm": {
    setup: ["npm ci < package-lock.json"],
    services: { frontend: [npm(vite), "/"] },
    because: "starts Vite, which gets the port as an argument",
  },
  "vite-folder": { setup: ["npm ci < package-lock.json"], services: { frontend: [npm(vite), "/"] } },
  "vite-after-tsc": { setup: ["npm ci < package-lock.json"], services: { frontend: [npm(vite), "/"] } },
  "vite-fixed-port": {
    setup: ["pnpm install --frozen-lockfile < pnpm-lock.yaml"],
    services: { frontend: [`pnpm exec vite --open /home ${vite}`, "/"] },
    because: "started directly",
  },
  "vite-then-more": { setup: ["npm install < package.json"], services: { frontend: [`npx vite ${vite}`, "/"] }, because: "`tee out.log`" },
  "sveltekit-bun": {
    setup: ["bun install --frozen-lockfile < bun.lock"],
    services: { web: [`bun run dev ${vite}`, "/"] },
    because: "SvelteKit",
  },
  "next-yarn": {
    setup: ["yarn install --frozen-lockfile < yarn.lock"],
    services: { web: ["yarn run dev -p $PORT -H 127.0.0.1", "/"] },
    because: "Next.js",
  },
  "next-env-port": { setup: ["yarn install --immutable < yarn.lock"], services: { web: ["yarn run dev -p $PORT -H 127.0.0.1", "/"] } },
  "astro-pnpm": { setup: ["pnpm install --frozen-lockfile < pnpm-lock.yaml"], services: { web: [`pnpm run dev ${plain}`, "/"] } },
  "nuxt-no-lockfile": { setup: ["npm install < package.json"], services: { web: [npm(plain), "/"] }, because: "no lockfile" },
  "react-router": { setup: ["npm ci < package-lock.json"], services: { web: [npm(vite), "/"] } },
  "remix-classic": { setup: ["npm ci < package-lock.json"], services: { web: ["npm run dev", "/"] }, because: "reads PORT by itself" },
  angular: { setup: ["npm ci < package-lock.json"], services: { frontend: [`npm run start -- ${plain}`, "/"] } },
  "create-react-app": { setup: ["npm ci < package-lock.json"], services: { frontend: ["npm run start", "/"] } },
  express: { setup: ["npm ci < package-lock.json"], services: { backend: ["npm run dev", "/"] }, because: "starts a server (express)" },
  "plain-node": { setup: [], services: { backend: ["npm run start", "/"] } },
  "node-library": null,
  concurrently: {
    setup: ["npm ci < package-lock.json"],
    services: { client: [`npm run dev:client -- ${vite}`, "/"], server: ["npm run dev:server", "/api"], css: ["npm run dev:css", "none"] },
    because: "`tailwindcss --watch`, which the script",
  },
  "django-requirements": {
    setup: [`${venv("-r requirements.txt")} < requirements.txt`],
    services: { web: [".venv/bin/python manage.py runserver 127.0.0.1:$PORT", "/"] },
  },
  "django-uv": { setup: ["uv sync --frozen < uv.lock"], services: { web: ["uv run python manage.py runserver 127.0.0.1:$PORT", "/"] } },
  "django-poetry": {
    setup: ["POETRY_VIRTUALENVS_IN_PROJECT=true poetry install < poetry.lock", "python manage.py check"],
    services: { web: ["poetry run python manage.py runserver 127.0.0.1:$PORT", "/"], worker: ["celery -A site worker", "none"] },
    because: "`web` of Procfile is left out",
  },
  "django-bare": { setup: [], services: { web: ["python3 manage.py runserver 127.0.0.1:$PORT", "/"] } },
  "django-with-vite": {
    setup: [`${venv("-r requirements.txt")} < requirements.txt`, "npm ci < package-lock.json"],
    services: { web: [".venv/bin/python manage.py runserver 127.0.0.1:$PORT", "/"], assets: [npm(vite), "leased"] },
  },
  fastapi: {
    setup: [`${venv("-r requirements.txt")} < requirements.txt`],
    services: { backend: [".venv/bin/python -m uvicorn app.main:app --host 127.0.0.1 --port $PORT --reload", "/ ready /healthz"] },
  },
  "fastapi-src": {
    setup: ["uv sync --frozen < uv.lock"],
    services: { backend: ["uv run python -m uvicorn --app-dir src main:api --host 127.0.0.1 --port $PORT --reload", "/"] },
  },
  flask: {
    setup: [`${venv("-r requirements.txt")} < requirements.txt`],
    services: { backend: [".venv/bin/python -m flask --app app:app run --host 127.0.0.1 --port $PORT --debug", "/"] },
  },
  "flask-factory": {
    setup: ["PIPENV_VENV_IN_PROJECT=1 pipenv sync --dev < Pipfile.lock"],
    services: { backend: ["pipenv run python -m flask --app app:create_app run --host 127.0.0.1 --port $PORT --debug", "/"] },
  },
  rails: {
    setup: ["bundle install < Gemfile.lock"],
    services: {
      web: ["rm -f tmp/pids/server.pid && exec bin/rails server -p $PORT -b 127.0.0.1", "/"],
      css: ["bin/rails tailwindcss:watch", "none"],
    },
  },
  procfile: {
    setup: ["bundle exec rake db:migrate"],
    services: { web: ["bundle exec puma -p $PORT", "/"], worker: ["bundle exec sidekiq", "none"] },
  },
  "frontend-and-backend": {
    setup: ["frontend: npm ci < frontend/package-lock.json", `backend: ${venv("-r requirements.txt")} < backend/requirements.txt`],
    services: {
      frontend: [npm(vite), "frontend /"],
      backend: [".venv/bin/python -m uvicorn main:app --host 127.0.0.1 --port $PORT --reload", "backend /api"],
    },
    because: "backend below /api",
  },
  "two-node-folders": {
    setup: ["client: npm ci < client/package-lock.json", "server: npm ci < server/package-lock.json"],
    services: { client: ["npm run start", "client /"], server: ["npm run start", "server /api"] },
    because: "each part is a service of its own",
  },
  monorepo: {
    setup: ["pnpm install --frozen-lockfile < pnpm-lock.yaml"],
    services: {
      api: ["pnpm run dev", "apps/api /api"],
      docs: [`pnpm run dev ${plain}`, "apps/docs leased"],
      web: ["pnpm run dev -p $PORT -H 127.0.0.1", "apps/web /"],
      worker: ["pnpm run dev", "apps/worker none"],
    },
    because: "docs has no route",
  },
  "compose-django-vite": {
    setup: [],
    services: { web: ["container 8000", "/"], vite: ["container 5173", "leased"], worker: ["container null", "none"] },
    because: "worker is built from Dockerfile; every environment has its own.",
  },
  "compose-frontend-backend": {
    setup: [],
    services: { frontend: ["container 3000", "/"], backend: ["container 4000", "/api"], mystery: ["container null", "none"] },
    because: "mongo-ui runs once for all worktrees: it depends on nothing but mongo.",
  },
  "compose-servers-only": {
    setup: ["npm ci < package-lock.json"],
    services: { backend: ["npm run dev", "/"] },
    because: "The compose file holds servers (postgres, cache) and nothing of the app",
  },
  "compose-proxy": {
    setup: [],
    services: { nginx: ["container 80", "/"], php: ["container 9000", "none"] },
    because: "nginx depends on php; every environment has its own.",
  },
  "compose-backend-only": {
    setup: ["frontend: npm ci < frontend/package-lock.json"],
    services: { api: ["container 8000", "/api"], frontend: [npm(vite), "frontend /"] },
    because: "api mounts nothing of the repository",
  },
  "turbo-alone": { setup: ["npm ci < package-lock.json"], services: { web: ["npm run dev", "/"] }, because: "no argument reaches them" },
  nothing: null,
};

test("every fixture is in the table", () => {
  expect(readdirSync(root).toSorted()).toEqual(Object.keys(fixtures).toSorted());
});

test.each(Object.entries(fixtures))("%s", async (name, expected) => {
  const found = await detect(name);
  if (expected === null || found === null) {
    expect(found).toBeNull();
    expect(expected).toBeNull();
    return;
  }
  const { config } = found;
  expect(config.project).toBe(name);
  expect(
    config.setup.map(
      (step) =>
        `${step.directory === "." ? "" : `${step.directory}: `}${step.run}${step.inputs.length > 0 ? ` < ${step.inputs.join(" ")}` : ""}`,
    ),
  ).toEqual(expected.setup);
  const services = config.services.map((service) => {
    const directory = service.directory === "." ? "" : `${service.directory} `;
    const ready = service.ready.kind === "http" && service.ready.path !== "/" ? ` ready ${service.ready.path}` : "";
    const run = service.container ? `container ${service.container.target}` : service.run;
    return [service.name, [run, directory + (service.routes.join(" ") || service.port.kind) + ready]];
  });
  expect(Object.fromEntries(services)).toEqual(expected.services);
  if (expected.because) expect(found.because.join("\n")).toContain(expected.because);
  for (const sentence of found.because) expect(sentence).toMatch(/\.$/);
});

test.each(Object.keys(fixtures).filter((name) => fixtures[name]))("%s: what is written says the same", async (name) => {
  const found = (await detect(name))!;
  const files = directoryFiles(join(root, name));
  const { config, errors, warnings } = await parseWithCompose(files, found.written, { path: "wt.yaml", projectFallback: name });
  expect(errors).toEqual([]);
  expect(warnings).toEqual([]);
  expect({ ...config!, origin: found.config.origin }).toEqual(found.config);
  expect(found.config.origin).toEqual({ kind: "detected", because: found.because });
});

test("what workers and web services wait for", async () => {
  const { config } = (await detect("procfile"))!;
  expect(config.services.map((service) => service.ready)).toEqual([{ kind: "http", path: "/", status: null }, { kind: "none" }]);
});

test("ignored .env files are taken over", async () => {
  expect((await detect("vite-npm"))!.config.copy).toEqual([".env", ".env.local"]);
  expect((await detect("frontend-and-backend"))!.config.copy).toEqual(["backend/.env", "backend/.env.local"]);
});

test("variables that a framework needs", async () => {
  expect((await detect("rails"))!.config.services[0]!.env).toEqual({ RAILS_DEVELOPMENT_HOSTS: ".${{ env.host }}" });
  expect((await detect("vite-fixed-port"))!.config.services[0]!.env).toEqual({ MODE: "local", NODE_ENV: "development" });
  expect((await detect("create-react-app"))!.config.services[0]!.env).toEqual({ BROWSER: "none" });
});

test("whatever the files hold, the result is valid or null", async () => {
  const word = fc.constantFrom(
    "vite",
    "next dev",
    "node x.js",
    "&&",
    "|",
    "concurrently",
    '"npm:*"',
    "'",
    "npm run dev",
    "npm run start",
    "--port 3",
    "A='b c'",
    "${{ x }}",
    "$(x)",
    "\\",
    "#",
    "turbo",
    "cd a",
    "ü",
  );
  const script = fc.array(word, { maxLength: 5 }).map((words) => words.join(" "));
  const manifest = fc.record(
    {
      scripts: fc.dictionary(fc.constantFrom("dev", "start", "serve", "__proto__", "dev:a"), script),
      dependencies: fc.constantFrom({ express: "1" }, {}, null, 3),
      workspaces: fc.constantFrom(["a"], { packages: 1 }, undefined),
    },
    { requiredKeys: [] },
  );
  const line = fc.constantFrom("web", "WORKER_1", "release", "a".repeat(50)).chain((name) => script.map((run) => `${name}: ${run}`));
  await fc.assert(
    fc.asyncProperty(manifest, manifest, fc.array(line, { maxLength: 4 }), async (top, below, lines) => {
      const files = {
        "package.json": JSON.stringify(top),
        "apps/b.c/package.json": JSON.stringify(below),
        Procfile: lines.join("\n"),
        "x.js": "listen()",
      };
      const found = await detectConfig(memoryFiles(files), { projectFallback: "x" });
      if (found) expect(found.config.services.length).toBeGreaterThan(0);
    }),
    { numRuns: 300 },
  );
}, 30_000);
