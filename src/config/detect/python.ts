import {
  at,
  type DetectedPart,
  type DetectedService,
  type DetectedStep,
  emptyPart,
  firstPresent,
  type Look,
  nameOf,
  service,
} from "./part.ts";

export async function detectPython(look: Look): Promise<DetectedPart | null> {
  const tools = await pythonTools(look);
  const found = (await django(look, tools)) ?? (await fastApi(look, tools)) ?? (await flask(look, tools));
  if (!found) return null;
  const part = emptyPart();
  part.because.push(found.because, tools.because);
  if (tools.setup) part.setup.push(tools.setup);
  part.services.push({ ...found.service, env: { PYTHONUNBUFFERED: "1" } });
  if (found.module?.includes("/")) part.claims.push(at(look, found.module.slice(0, found.module.indexOf("/"))));
  return part;
}

export interface PythonTools {
  /** How to start the interpreter that has the project's packages. */
  python: string;
  setup: DetectedStep | null;
  because: string;
  /** Text that names the project's packages. */
  listed: string;
}

/** Which interpreter has the project's packages, and what installs them. */
export async function pythonTools(look: Look): Promise<PythonTools> {
  const lists = ["requirements.txt", "requirements-dev.txt", "requirements/base.txt", "pyproject.toml", "Pipfile"];
  const texts = await Promise.all(lists.map((name) => look.files.read(at(look, name))));
  const listed = texts
    .filter((text) => text !== null)
    .join("\n")
    .toLowerCase();
  const step = (run: string, ...inputs: string[]) => ({ run, inputs: inputs.map((name) => at(look, name)), directory: look.directory });
  const lock = await firstPresent(look, [
    "uv.lock",
    "poetry.lock",
    "Pipfile.lock",
    "Pipfile",
    "requirements.txt",
    "requirements-dev.txt",
    "pyproject.toml",
  ]);
  const file = at(look, lock?.name ?? "");
  if (!lock) {
    return {
      python: "python3",
      setup: null,
      because: "No list of Python packages was found, so the system's python3 is used as it is.",
      listed,
    };
  }
  switch (lock.name) {
    case "uv.lock":
      return {
        python: "uv run python",
        setup: step("uv sync --frozen", "uv.lock"),
        because: `${file} is there, so uv installs and runs.`,
        listed,
      };
    case "poetry.lock":
      return {
        python: "poetry run python",
        setup: step("POETRY_VIRTUALENVS_IN_PROJECT=true poetry install", "poetry.lock"),
        because: `${file} is there, so Poetry installs and runs.`,
        listed,
      };
    case "Pipfile.lock":
    case "Pipfile":
      return {
        python: "pipenv run python",
        setup: step(`PIPENV_VENV_IN_PROJECT=1 pipenv ${lock.name === "Pipfile" ? "install --dev" : "sync --dev"}`, lock.name),
        because: `${file} is there, so Pipenv installs and runs.`,
        listed,
      };
    default: {
      const what = lock.name === "pyproject.toml" ? "-e ." : `-r ${lock.name}`;
      const run = `python3 -m venv .venv && .venv/bin/python -m pip install --quiet --disable-pip-version-check ${what}`;
      return {
        python: ".venv/bin/python",
        setup: step(run, lock.name),
        because: `${file} lists the packages, so each worktree gets its own virtual environment in .venv.`,
        listed,
      };
    }
  }
}

interface Found {
  service: DetectedService;
  /** Path of the module that makes the app. */
  module?: string;
  because: string;
}

async function django(look: Look, tools: PythonTools): Promise<Found | null> {
  const manage = await look.files.read(at(look, "manage.py"));
  if (manage === null || !/django|DJANGO_SETTINGS_MODULE/.test(manage)) return null;
  const isApi = /djangorestframework|django-ninja/.test(tools.listed) && look.directory !== ".";
  return {
    because: `${at(look, "manage.py")} is Django's; runserver takes the address as an argument. Migrations are not run by themselves: the database may be one that environments share.`,
    service: service({
      name: nameOf(look, "web"),
      run: `${tools.python} manage.py runserver 127.0.0.1:$PORT`,
      directory: look.directory,
      role: isApi || /^(api|backend|server)$/.test(nameOf(look, "")) ? "api" : "pages",
    }),
  };
}

const moduleNames = [
  "main.py",
  "app.py",
  "server.py",
  "asgi.py",
  "wsgi.py",
  "app/main.py",
  "app/__init__.py",
  "src/main.py",
  "src/app.py",
  "api/main.py",
  "backend/main.py",
  "application.py",
];

interface Module {
  /** `app.main`. */
  name: string;
  /** `src`, when modules are found from there. */
  from: string | null;
  path: string;
  text: string;
}

/** Modules in folders count only where the packages are listed beside the folders; otherwise the folder is a part of its own. */
async function modules(look: Look, tools: PythonTools): Promise<Module[]> {
  const found: Module[] = [];
  for (const path of moduleNames.filter((name) => !name.includes("/") || tools.setup !== null)) {
    const text = await look.files.read(at(look, path));
    if (text === null) continue;
    const from = path.startsWith("src/") ? "src" : null;
    const name = path
      .replace(/^src\//, "")
      .replace(/(\/__init__)?\.py$/, "")
      .replaceAll("/", ".");
    found.push({ name, from, path, text });
  }
  return found;
}

async function fastApi(look: Look, tools: PythonTools): Promise<Found | null> {
  for (const module of await modules(look, tools)) {
    const variable = /^(\w+)\s*(?::[^=\n]+)?=\s*(?:fastapi\.)?(?:FastAPI|Starlette|Litestar)\(/m.exec(module.text)?.[1];
    if (!variable) continue;
    const from = module.from ? ` --app-dir ${module.from}` : "";
    const health = /\.get\(\s*["'](\/(?:api\/)?(?:healthz?|health_?check|livez|readyz|ping|up))["']/.exec(module.text)?.[1];
    return {
      module: module.path,
      because: `${at(look, module.path)} makes an ASGI app called \`${variable}\`, so uvicorn serves it, with the port as an argument.`,
      service: service({
        name: nameOf(look, "backend"),
        run: `${tools.python} -m uvicorn${from} ${module.name}:${variable} --host 127.0.0.1 --port $PORT --reload`,
        directory: look.directory,
        role: "api",
        readyPath: health ?? null,
      }),
    };
  }
  return null;
}

async function flask(look: Look, tools: PythonTools): Promise<Found | null> {
  for (const module of await modules(look, tools)) {
    const made =
      /^(\w+)\s*(?::[^=\n]+)?=\s*(?:flask\.)?Flask\(/m.exec(module.text)?.[1] ??
      (/^def create_app\(/m.test(module.text) && /flask/i.test(module.text) ? "create_app" : null);
    if (!made) continue;
    const target = `${module.from ? `${module.from}.` : ""}${module.name}:${made}`;
    return {
      module: module.path,
      because: `${at(look, module.path)} makes a Flask app, so \`flask run\` serves it, with the port as an argument.`,
      service: service({
        name: nameOf(look, "backend"),
        run: `${tools.python} -m flask --app ${target} run --host 127.0.0.1 --port $PORT --debug`,
        directory: look.directory,
        role: look.directory === "." || /render_template/.test(module.text) ? "pages" : "api",
      }),
    };
  }
  return null;
}
