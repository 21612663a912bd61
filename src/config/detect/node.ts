import { type PackageManifest, parsePackage } from "../package-scripts.ts";
import { simpleCommands, withoutWrappers } from "../shell-words.ts";
import { meaningOf, type ScriptMeaning, scriptRunBy } from "./node-script.ts";
import { labelOf, type NodeTool, runtimes, serverPackages, toolOf } from "./node-tools.ts";
import { installStep, managerOf } from "./package-manager.ts";
import { at, type DetectedPart, type DetectedService, emptyPart, type Look, nameOf, type PackageManager, service } from "./part.ts";

const scriptNames = ["dev", "start:dev", "develop", "start", "serve"];

/** `servesPages: false`: another framework in the same folder serves the pages, and this one only what they load. */
export async function detectNode(look: Look, options: { servesPages: boolean }): Promise<DetectedPart | null> {
  const manifest = parsePackage(await look.files.read(at(look, "package.json")));
  if (!manifest) return null;
  const names = await look.files.list(look.directory);
  const manager = managerOf(manifest, names, look.root?.manager ?? null);
  const part = emptyPart();
  part.node = { manager: manager.name, workspaces: manifest.workspaces.length > 0 || names.includes("pnpm-workspace.yaml") };
  const install = look.root?.workspaces ? null : installStep(look, manifest, { ...manager, names });
  if (install) part.setup.push(install.step);
  const context: Context = { look, manifest, manager: manager.name, servesPages: options.servesPages, part };
  for (const name of scriptNames) {
    const meaning = meaningOf(manifest.scripts, name);
    if (meaning && (await addMeaning(context, meaning))) break;
  }
  if (install && (part.services.length > 0 || part.node.workspaces)) part.because.push(install.because);
  return part;
}

interface Context {
  look: Look;
  manifest: PackageManifest;
  manager: PackageManager;
  servesPages: boolean;
  part: DetectedPart;
}

async function addMeaning(context: Context, meaning: ScriptMeaning): Promise<boolean> {
  if (meaning.kind === "command") {
    const found = await serviceOf(context, meaning);
    if (found) context.part.services.push(found);
    return found !== null;
  }
  const { part, manifest, look } = context;
  const text = manifest.scripts[meaning.script] ?? "";
  part.startsOthers = text;
  for (const child of meaning.children) {
    const found = await childService(context, child);
    if (found) part.services.push({ ...found, fromStarter: true });
    else
      part.because.push(
        `\`${child}\`, which the script \`${meaning.script}\` of ${at(look, "package.json")} starts, is left out, because it is not clear what it serves.`,
      );
  }
  if (part.services.length === 0) {
    part.because.length = 0;
    part.because.push(
      `The script \`${meaning.script}\` of ${at(look, "package.json")} starts several programs at once, so no argument reaches them; they get PORT in their environment and must use it.`,
    );
    part.services.push(
      service({
        name: nameOf(look, "web"),
        run: `${context.manager} run ${meaning.script}`,
        directory: look.directory,
        role: "pages",
        fromStarter: true,
      }),
    );
  }
  return true;
}

async function childService(context: Context, child: string): Promise<DetectedService | null> {
  const commands = simpleCommands(child);
  const [only] = commands;
  if (!only || commands.length > 1) return null;
  const words = withoutWrappers(only.words);
  const script = scriptRunBy(words);
  const meaning = script === null ? null : meaningOf(context.manifest.scripts, script);
  if (script !== null && meaning?.kind === "command") {
    const name = script.split(":").at(-1) ?? script;
    const found = await serviceOf(context, meaning);
    if (found) return { ...found, name: name === "dev" || name === "start" ? found.name : name };
    context.part.because.push(`The script \`${script}\` serves nothing that was recognised, so it runs as a worker.`);
    return service({ name, run: `${context.manager} run ${script}`, directory: context.look.directory, role: "worker" });
  }
  return script === null
    ? await serviceOf(context, { kind: "command", script: "", words, assignments: only.assignments, before: false })
    : null;
}

type CommandMeaning = Extract<ScriptMeaning, { kind: "command" }>;

async function serviceOf(context: Context, meaning: CommandMeaning): Promise<DetectedService | null> {
  const tool = toolOf(meaning.words);
  return tool ? ofTool(context, meaning, tool) : await ofRuntime(context, meaning);
}

const pageFolders = /^(frontend|client|web|ui|www|site|app)$/;

function roleOf(context: Context, kind: NodeTool["kind"]): DetectedService["role"] {
  if (!context.servesPages) return "assets";
  return kind === "backend" && !pageFolders.test(nameOf(context.look, "")) ? "api" : "pages";
}

function ofTool(context: Context, meaning: CommandMeaning, tool: NodeTool): DetectedService {
  const { look, manager, part, manifest } = context;
  const { label, kind } = labelOf(tool, manifest.dependencies);
  const fixed =
    meaning.words.some((word) => portOption.test(word)) ||
    (tool.arguments === null && meaning.assignments.some((text) => /^(PORT|HOST)=/.test(text)));
  const direct = fixed || meaning.script === "";
  const where = `${meaning.script === "" ? "A command" : `The script \`${meaning.script}\``} of ${at(look, "package.json")} starts ${label}`;
  const told = tool.arguments === null ? "which reads PORT by itself" : "which gets the port as an argument";
  part.because.push(`${where}, ${told}${fixed ? "; it is started directly, because the script has a fixed port or host" : ""}.`);
  const appended = tool.arguments === null ? "" : ` ${tool.arguments}`;
  const run = direct
    ? `${runDirectly[manager]} ${withoutPort(meaning.words).map(quoted).join(" ")}${appended}`
    : `${manager} run ${meaning.script}${manager === "npm" && appended !== "" ? " --" : ""}${appended}`;
  return service({
    name: nameOf(look, context.servesPages ? kind : "assets"),
    run,
    directory: look.directory,
    role: roleOf(context, kind),
    env: { ...(direct ? variables(meaning.assignments) : {}), ...tool.env },
  });
}

const runDirectly: Record<PackageManager, string> = { npm: "npx", pnpm: "pnpm exec", yarn: "yarn run", bun: "bunx" };
const portOption = /^(-p|-H|--port|--host|--hostname|--ip|--strictPort)(=|$)/;

/** Without options that fix the port or the host, and their values. */
function withoutPort(words: string[]): string[] {
  return words.filter((word, index) => {
    if (portOption.test(word)) return false;
    const before = words[index - 1] ?? "";
    return !(portOption.test(before) && !before.includes("=") && before !== "--strictPort" && !word.startsWith("-"));
  });
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function variables(assignments: string[]): Record<string, string> {
  const pairs = assignments.map((text) => [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)] as const);
  return Object.fromEntries(
    pairs.filter(([key, value]) => key !== "PORT" && key !== "HOST" && !key.startsWith("WT_") && !value.includes("$")),
  );
}

/** `node server.js` and its like, when there is a sign that it serves HTTP. */
async function ofRuntime(context: Context, meaning: CommandMeaning): Promise<DetectedService | null> {
  const { look, manifest, manager, part } = context;
  const [program = "", ...rest] = meaning.words;
  if (!runtimes.has(program)) return null;
  const entry = rest.find((word) => /\.[cm]?[jt]sx?$/.test(word)) ?? manifest.main ?? "index.js";
  const text = await look.files.read(at(look, entry.replace(/^\.\//, "")));
  const known = serverPackages.find((name) => manifest.dependencies.has(name));
  const listens = text !== null && /\.listen\s*\(|createServer|env\.PORT|\b(?:Bun|Deno)\.serve\b|@hono\/node-server/.test(text);
  const reads = meaning.assignments.some((word) => word.startsWith("PORT="));
  const shown =
    meaning.script === "" ? `\`${meaning.words.join(" ")}\`` : `The script \`${meaning.script}\` of ${at(look, "package.json")}`;
  const fixed = reads || meaning.script === "";
  const run = fixed
    ? `${program === "node" || program === "bun" || program === "deno" ? "" : `${runDirectly[manager]} `}${meaning.words.map(quoted).join(" ")}`
    : `${manager} run ${meaning.script}`;
  const env = fixed ? variables(meaning.assignments) : {};
  if (listens || (known && text === null)) {
    part.because.push(`${shown} starts a server${known ? ` (${known})` : ""}, which is taken to listen on PORT.`);
    return service({ name: nameOf(look, "backend"), run, directory: look.directory, role: roleOf(context, "backend"), env });
  }
  if (known || !/worker|consumer|queue|jobs?$/.test(`${nameOf(look, "")} ${entry}`)) {
    if (!known) return null;
    part.because.push(`${shown} starts ${entry} with ${known} among the dependencies, so it is taken to listen on PORT.`);
    return service({ name: nameOf(look, "backend"), run, directory: look.directory, role: roleOf(context, "backend"), env });
  }
  part.because.push(`${shown} starts ${entry}, which listens on nothing, so it is a worker.`);
  return service({ name: nameOf(look, "worker"), run, directory: look.directory, role: "worker", env });
}
