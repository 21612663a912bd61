// Development servers of the JavaScript world: how each is told its port.

export interface NodeTool {
  label: string;
  /** Programs; with `verbs`, one of these must follow (`""`: nothing or an option). */
  programs: string[];
  verbs?: string[];
  /** Its first argument may be a folder, so any word that is none of these other verbs means the server too. */
  verbsThatServeNothing?: string[];
  /** Appended to the command. null: it reads PORT by itself. */
  arguments: string | null;
  /** `frontend`: pages alone. `web`: pages and a server. `backend`: a server. */
  kind: "frontend" | "web" | "backend";
  env?: Record<string, string>;
}

const viteArguments = "--port $PORT --strictPort --host 127.0.0.1";
const plainArguments = "--port $PORT --host 127.0.0.1";

export const nodeTools: readonly NodeTool[] = [
  {
    label: "Vite",
    programs: ["vite"],
    verbs: ["", "dev", "serve", "preview"],
    verbsThatServeNothing: ["build", "optimize"],
    arguments: viteArguments,
    kind: "frontend",
  },
  { label: "Vite", programs: ["vp"], verbs: ["", "dev", "serve", "preview"], arguments: viteArguments, kind: "frontend" },
  { label: "React Router", programs: ["react-router"], verbs: ["dev"], arguments: viteArguments, kind: "web" },
  { label: "Remix", programs: ["remix"], verbs: ["vite:dev"], arguments: viteArguments, kind: "web" },
  { label: "Remix", programs: ["remix", "remix-serve"], arguments: null, kind: "web" },
  { label: "Next.js", programs: ["next"], verbs: ["", "dev", "start"], arguments: "-p $PORT -H 127.0.0.1", kind: "web" },
  { label: "Nuxt", programs: ["nuxt", "nuxi"], verbs: ["", "dev", "preview"], arguments: plainArguments, kind: "web" },
  { label: "Astro", programs: ["astro"], verbs: ["dev", "preview", "start"], arguments: plainArguments, kind: "web" },
  {
    label: "Angular",
    programs: ["ng"],
    verbs: ["serve", "s", "dev"],
    arguments: plainArguments,
    kind: "frontend",
    env: { NG_CLI_ANALYTICS: "false" },
  },
  { label: "Vue CLI", programs: ["vue-cli-service"], verbs: ["serve"], arguments: plainArguments, kind: "frontend" },
  {
    label: "Create React App",
    programs: ["react-scripts", "react-app-rewired", "craco"],
    verbs: ["start"],
    arguments: null,
    kind: "frontend",
    env: { BROWSER: "none" },
  },
  { label: "webpack", programs: ["webpack"], verbs: ["serve", "server", "s"], arguments: plainArguments, kind: "frontend" },
  { label: "webpack", programs: ["webpack-dev-server"], arguments: plainArguments, kind: "frontend" },
  { label: "Rsbuild", programs: ["rsbuild"], verbs: ["", "dev", "preview"], arguments: plainArguments, kind: "frontend" },
  { label: "Rspack", programs: ["rspack"], verbs: ["dev", "serve", "s"], arguments: plainArguments, kind: "frontend" },
  {
    label: "Parcel",
    programs: ["parcel"],
    verbs: ["", "serve"],
    verbsThatServeNothing: ["build", "watch"],
    arguments: plainArguments,
    kind: "frontend",
  },
  { label: "Gatsby", programs: ["gatsby"], verbs: ["develop"], arguments: "-p $PORT -H 127.0.0.1", kind: "web" },
  { label: "Docusaurus", programs: ["docusaurus"], verbs: ["start"], arguments: `${plainArguments} --no-open`, kind: "web" },
  { label: "Vinxi", programs: ["vinxi"], verbs: ["dev"], arguments: plainArguments, kind: "web" },
  { label: "Wrangler", programs: ["wrangler"], verbs: ["dev"], arguments: "--port $PORT --ip 127.0.0.1", kind: "backend" },
  { label: "http-server", programs: ["http-server"], arguments: "-p $PORT -a 127.0.0.1", kind: "frontend" },
  { label: "serve", programs: ["serve"], arguments: "-l tcp://127.0.0.1:$PORT", kind: "frontend" },
  { label: "json-server", programs: ["json-server"], arguments: "--port $PORT --host 127.0.0.1", kind: "backend" },
  { label: "NestJS", programs: ["nest"], verbs: ["start"], arguments: null, kind: "backend" },
];

/** Programs that run a script given as a file. */
export const runtimes: ReadonlySet<string> = new Set([
  "node",
  "nodemon",
  "tsx",
  "ts-node",
  "ts-node-dev",
  "bun",
  "deno",
  "node-dev",
  "swc-node",
  "babel-node",
]);

/** Packages whose presence says that the script serves HTTP. */
export const serverPackages = [
  "express",
  "fastify",
  "koa",
  "hono",
  "@hapi/hapi",
  "polka",
  "restify",
  "micro",
  "@nestjs/core",
  "h3",
  "elysia",
  "@apollo/server",
  "apollo-server",
  "graphql-yoga",
  "@feathersjs/feathers",
  "@adonisjs/core",
  "sails",
] as const;

export function toolOf(words: readonly string[]): NodeTool | null {
  const [program = "", verb = ""] = words;
  const fits = (tool: NodeTool) => {
    if (!tool.programs.includes(program)) return false;
    if (!tool.verbs) return true;
    return (
      tool.verbs.includes(verb) ||
      (tool.verbs.includes("") && verb.startsWith("-")) ||
      (tool.verbsThatServeNothing !== undefined && !tool.verbsThatServeNothing.includes(verb))
    );
  };
  return nodeTools.find(fits) ?? null;
}

/** Vite's own command serves several frameworks; the name people know is in the dependencies. */
export function labelOf(tool: NodeTool, dependencies: ReadonlySet<string>): { label: string; kind: NodeTool["kind"] } {
  if (tool.label !== "Vite") return tool;
  if (dependencies.has("@sveltejs/kit")) return { label: "SvelteKit", kind: "web" };
  if (dependencies.has("@remix-run/dev")) return { label: "Remix", kind: "web" };
  if (dependencies.has("@solidjs/start") || dependencies.has("@tanstack/react-start") || dependencies.has("@builder.io/qwik-city"))
    return { label: "Vite", kind: "web" };
  return tool;
}
