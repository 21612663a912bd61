// `ComposeStack` on the engine's API and Docker Compose. The model goes to Compose on its standard input, and nowhere else.
import { dirname } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import type { DockerEngine } from "../../os/docker-engine.ts";
import { EngineRefusal } from "../../os/engine-refusal.ts";
import { tarFiles } from "../../os/tar-files.ts";
import { buildError, composeFileError, createError, withoutSecrets } from "./compose-errors.ts";
import { type ComposeProgram, createComposeProgram } from "./compose-program.ts";
import type {
  Attachment,
  ComposeSource,
  ComposeStack,
  CreateOptions,
  SharedVolume,
  StackCall,
  StackContainer,
  StackMark,
  StackModel,
} from "./compose-stack.ts";
import { dataHolders } from "./data-holders.ts";
import type { EngineAccess } from "./engine-access.ts";
import { engineRefusal } from "./engine-errors.ts";
import { givenFiles, requireVariables, variablesOfFiles } from "./given-files.ts";
import { composeLabels, labels } from "./labels.ts";
import { containerOf, containersOf, filterOf, observeStack } from "./observe-stack.ts";
import { oneOffModel } from "./one-off-model.ts";
import { withRealPaths } from "./real-paths.ts";
import { refuseForeign } from "./refuse-foreign.ts";
import { removeFiles } from "./remove-files.ts";
import { removeStack } from "./remove-stack.ts";
import { asObject, shellOf, stampModel } from "./stamp-model.ts";
import { stopById } from "./stop-container.ts";
import { type ComposeModel, composeModelText, parseComposeModel } from "./transform/compose-model.ts";

export interface ComposeStackOptions {
  access: EngineAccess;
  /** The daemon's environment; only what programs need is taken from it. */
  env: Readonly<Record<string, string>>;
  /** State directory of this world: what another world has made is never touched. */
  state: string;
  /** Variables by which the next daemon finds a Compose that outlives this one, and what belongs to it. */
  marks?(mark: StackMark): Record<string, string>;
}

interface Parts extends ComposeStackOptions {
  program: ComposeProgram;
}

const noEnvFile = ["--env-file", "/dev/null"] as const;

export function createComposeStack(options: ComposeStackOptions): ComposeStack {
  const { access, env, state } = options;
  const endpoint = async () => `unix://${(await access.engine()).socketPath}`;
  const parts: Parts = { ...options, program: createComposeProgram(env, endpoint) };
  return withSentences({
    async checkEngine(abort) {
      const { version: composeVersion, command: composeCommand } = await parts.program.find(abort);
      const engine = await access.engine();
      const { Version, Components } = await engine.version(abort);
      const kind = Components?.some(({ Name }) => /podman/i.test(Name)) ? "podman" : "docker";
      return { endpoint: await endpoint(), kind, engineVersion: Version, composeVersion, composeCommand };
    },
    readModel: (source, abort) => readModel(parts, source, abort),
    readVariables: (source, model, abort) => readVariables(parts, { source, model }, abort),
    ensureImages: (stack, call) => ensureImages(parts, stack, call),
    create: (stack, call, wanted = {}) => createContainers(parts, { stack, ...wanted }, call),
    async createOneOff(request, call) {
      await createContainers(parts, { stack: { ...request, model: oneOffModel(request) } }, call);
      return { project: request.project, service: request.name };
    },
    observe: async (mark, abort) => observeStack(await access.engine(), filterOf(mark, state), abort),
    remove: async (mark, removal, abort) => removeStack(await access.engine(), { mark, options: removal, state }, abort),
    connect: async (attachment, abort) => connect(await access.engine(), attachment, abort),
    async disconnect({ network, container }, abort) {
      const engine = await access.engine();
      await orRefusal(`The container ${container} cannot be detached from the network ${network}`, () =>
        engine.disconnect(network, container, abort),
      );
    },
    async start(mark, role, abort) {
      const engine = await access.engine();
      for (const { Id, Names, State } of await containersOf(engine, { ...filterOf(mark, state), [labels.role]: role }, abort)) {
        if (State === "running") continue;
        const name = Names[0]?.replace(/^\//, "") ?? Id;
        await orRefusal(`The container ${name} cannot start`, () => engine.start(Id, abort));
      }
    },
    async stop(mark, role, abort) {
      const engine = await access.engine();
      const containers = await containersOf(engine, { ...filterOf(mark, state), [labels.role]: role }, abort);
      const left = await Promise.all(containers.map(({ Id }) => stopById(engine, Id, mark.nonce)));
      const [first] = left.flat();
      if (first !== undefined)
        throw new WtError({ kind: "machine", code: "container_failed", message: first, hints: ["Run `wt doctor`."] });
    },
    dataHolders: async (mark, abort) => dataHolders(await access.engine(), filterOf(mark, state), abort),
    ensureVolume: async (volume, abort) => ensureVolume(await access.engine(), { volume, state }, abort),
    removeFiles: async (place, abort) => removeFiles(await access.engine(), { ...place, state }, abort),
    async takenProjects(abort) {
      const engine = await access.engine();
      const any = { [composeLabels.project]: null };
      const all = await Promise.all([
        engine.containers(any, abort),
        engine.networks(any, abort),
        engine.volumes(any, abort),
        engine.images(any, abort),
      ]);
      return [...new Set(all.flat().map(({ Labels }) => Labels?.[composeLabels.project] ?? ""))].sort();
    },
    async takenSubnets(abort) {
      const networks = await (await access.engine()).networks({}, abort);
      return networks.flatMap(({ Id, Name, IPAM }) => {
        const subnets = (IPAM?.Config ?? []).map(({ Subnet }) => Subnet ?? "");
        return (subnets.length > 0 ? subnets : [""]).map((subnet) => ({ network: Name, networkId: Id, subnet }));
      });
    },
  });
}

/** What the engine refuses where nobody expects it: a full disk can come up in any call. */
function withSentences(stack: ComposeStack): ComposeStack {
  const told = ([name, method]: [string, (...args: never[]) => Promise<unknown>]) => [
    name,
    (...args: never[]) => orRefusal("The engine of the containers refuses", () => method(...args)),
  ];
  return Object.fromEntries(Object.entries(stack).map(told)) as unknown as ComposeStack;
}

async function readModel({ program, state }: Parts, source: ComposeSource, abort: AbortSignal): Promise<ComposeModel> {
  const { files, profiles, project, env } = source;
  const [first] = files;
  // Compose would look for files by itself, in the directories above too, where another worktree's file may lie.
  if (first === undefined) throw new Error("a model is read from files that are named");
  const directory = dirname(first);
  const args = ["--project-directory", directory, "--project-name", project];
  for (const file of files) args.push("--file", file);
  for (const profile of profiles) args.push("--profile", profile);
  const { code, stdout, stderr } = await program.run({
    args: [...args, "config", "--format", "json"],
    directory,
    env: ofTheUser(env),
    abort,
  });
  if (code !== 0) throw composeFileError(stderr);
  return withRealPaths(parseComposeModel(stdout), { worktree: source.directory, own: [state] });
}

/** Compose has its own rules for what a `.env` means, so it is asked: a variable without a value is passed on, or null. */
async function readVariables(
  { program }: Parts,
  { source, model }: { source: ComposeSource; model: ComposeModel },
  abort: AbortSignal,
): Promise<Record<string, string>> {
  const names = variablesOfFiles(model);
  const [first] = source.files;
  if (names.length === 0 || first === undefined) return {};
  const directory = dirname(first);
  const environment = Object.fromEntries(names.map((name) => [name, null]));
  const question = { name: source.project, services: { variables: { image: "none", environment } } };
  const { code, stdout, stderr } = await program.run({
    args: ["--project-directory", directory, "--project-name", source.project, "--file", "-", "config", "--format", "json"],
    directory,
    model: composeModelText(question),
    env: ofTheUser(source.env),
    abort,
  });
  if (code !== 0) throw composeFileError(stderr);
  const answer = asObject(parseComposeModel(stdout).services.variables?.environment);
  return Object.fromEntries(Object.entries(answer).flatMap(([key, value]) => (typeof value === "string" ? [[key, value] as const] : [])));
}

/** Without what would choose other files, projects, profiles or engines than those asked for. */
function ofTheUser(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([key]) => !/^(COMPOSE|DOCKER)_/.test(key)));
}

async function ensureImages(parts: Parts, stack: StackModel, call: StackCall): Promise<void> {
  const engine = await parts.access.engine();
  const services = Object.entries(asObject(stack.model.services)).map(([name, service]) => {
    const { build, image } = asObject(service);
    return { name, build, image };
  });
  const built = services.filter(({ build }) => typeof build === "object" && build !== null).map(({ name }) => name);
  if (built.length > 0) {
    const { code, output } = await compose(parts, stack, { args: ["build", ...built], call });
    if (code !== 0) throw buildError(output, built);
  }
  const missing: string[] = [];
  for (const { name, image, build } of services) {
    if (!build && typeof image === "string" && !(await engine.hasImage(image, call.abort))) missing.push(name);
  }
  if (missing.length === 0) return;
  const { code, output } = await compose(parts, stack, { args: ["pull", ...missing], call });
  if (code === 0) return;
  const images = missing.map((name) => String(asObject(asObject(stack.model.services)[name]).image));
  throw imagesMissing(images, output);
}

function imagesMissing(images: string[], output: string): WtError {
  const subject = images.length === 1 ? `The image ${images[0]}` : `One of the images ${images.join(", ")}`;
  const reason = engineRefusal(subject, output, { code: "image_missing", hints: [] });
  if (reason.code === "disk_full") return reason;
  return new WtError({
    kind: "machine",
    code: "image_missing",
    message: `${subject} is not on this machine and cannot be fetched.`,
    hints: ["Check its name, your connection, and `docker login` if the registry wants one."],
    details: { images, engine: reason.message },
  });
}

async function createContainers(
  parts: Parts,
  { stack, services, anew = [] }: CreateOptions & { stack: StackModel },
  call: StackCall,
): Promise<StackContainer[]> {
  const names = services ?? Object.keys(asObject(stack.model.services));
  requireVariables(stack.model, stack.env ?? {}, names);
  const engine = await parts.access.engine();
  await refuseForeign(engine, stack, call.abort);
  const up = async (wanted: readonly string[], ...more: string[]) => {
    if (wanted.length === 0) return;
    const args = ["up", "--no-start", "--no-build", "--pull", "never", "--quiet-pull", "--no-deps", ...more, ...wanted];
    const { code, output } = await compose(parts, stack, { args, call });
    if (code !== 0) throw createError(stack.project, output);
  };
  const forced = anew.filter((name) => names.includes(name));
  await up(forced, "--force-recreate");
  await up(names.filter((name) => !forced.includes(name)));
  const filter = { ...filterOf(stack.mark, parts.state), [composeLabels.project]: stack.project };
  const details = await Promise.all((await engine.containers(filter, call.abort)).map(({ Id }) => engine.inspect(Id, call.abort)));
  const made = details
    .filter((each) => each !== null)
    .map(containerOf)
    .filter(({ ref }) => names.includes(ref.service));
  for (const { id, name, ref } of made) {
    const files = givenFiles(stack.model, ref.service, stack.env ?? {});
    if (files.length === 0) continue;
    await orRefusal(`The container ${name} cannot get its secrets and configs`, () => engine.unpack(id, tarFiles(files), call.abort));
  }
  return made;
}

/**
 * Runs Compose with the model on its standard input. Without the project's `.env`: everything of it is in the model already, and Compose would give it to programs that it
 * starts (`git`, credential helpers), where variables such as LD_PRELOAD or GIT_CONFIG_COUNT say what runs on the host.
 */
async function compose(
  { program, state, marks }: Parts,
  { project, directory, model, env, mark }: StackModel,
  { args, call }: { args: string[]; call: StackCall },
): Promise<{ code: number; output: string }> {
  const clean = (text: string) => withoutSecrets(text, model, env);
  const { code, stdout, stderr } = await program.run({
    args: [...noEnvFile, "--project-directory", directory, "--project-name", project, "--file", "-", "--profile", "*", ...args],
    directory,
    model: composeModelText(stampModel(model, state)),
    env: { ...ofTheUser(shellOf(model, env ?? {})), ...marks?.(mark) },
    abort: call.abort,
    onLine: (line) => call.report(clean(line)),
  });
  return { code, output: clean(`${stdout}\n${stderr}`) };
}

/** A volume of that name that somebody else made is left alone, and not used either. */
async function ensureVolume(
  engine: DockerEngine,
  { volume, state }: { volume: SharedVolume; state: string },
  abort: AbortSignal,
): Promise<void> {
  const { name, key, project, mark, driver, options } = volume;
  const own = { [labels.state]: state, [labels.environment]: mark.environmentId, [labels.nonce]: mark.nonce, [labels.role]: "shared" };
  const wanted = { name, driver, options, labels: { ...own, [composeLabels.project]: project, [composeLabels.volume]: key } };
  const made = await orRefusal(`The volume ${name} cannot be made`, () => engine.createVolume(wanted, abort));
  if (made.Labels?.[labels.nonce] === mark.nonce) return;
  throw new WtError({
    kind: "refused",
    code: "volume_foreign",
    message: `The volume ${name} is there already, and wt did not make it.`,
    hints: [`Rename or remove it (\`docker volume rm ${name}\`) if nobody needs it.`],
  });
}

async function connect(engine: DockerEngine, { container, network, aliases }: Attachment, abort: AbortSignal): Promise<void> {
  const details = await engine.inspect(container, abort);
  const there = await engine.network(network, abort);
  const present = Object.values(details?.NetworkSettings.Networks ?? {}).find(({ NetworkID }) => NetworkID === there?.Id);
  if (present) {
    if (aliases.every((alias) => present.Aliases?.includes(alias))) return;
    await engine.disconnect(network, container, abort);
  }
  await orRefusal(`The container ${container} cannot be attached to the network ${network}`, () =>
    engine.connect({ network, container, aliases }, abort),
  );
}

async function orRefusal<T>(subject: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof EngineRefusal)) throw error;
    throw engineRefusal(subject, error.message, { code: "container_failed", hints: ["Run `wt doctor`."] });
  }
}
