// Sealed data directories that branches are copied from, keyed by everything that makes their content.
import { join } from "node:path";
import type { Clock } from "../../os/clock.ts";
import { type CloneProbe, readCloneMethod } from "../../os/clone-method.ts";
import { createSealedStore, type Sealed } from "../../os/sealed-store.ts";
import type { ResourceCall } from "../resource-driver.ts";
import { copyData } from "./branch-content.ts";
import { type BranchInputs, needsOwnTemplate, templateKey } from "./branch-inputs.ts";
import { type Build, buildBase, buildContent, verifyBuild } from "./build-template.ts";
import type { BranchOptions } from "./mysql-options.ts";
import { stopServer } from "./mysql-server.ts";
import { ensureHome, own, type Runner, serverHome } from "./server-home.ts";
import { programTitle, type ServerPrograms } from "./server-programs.ts";

export type Template = Sealed;

export interface TemplateWish {
  /** `resources.db`, for errors. */
  name: string;
  options: BranchOptions;
  inputs: BranchInputs;
  programs: ServerPrograms;
  call: ResourceCall;
}

export interface Templates {
  /** The template for this; built when it is not there. */
  ensure(wish: TemplateWish): Promise<Template>;
  /** True: it was damaged. */
  putAwayIfDamaged(template: Template): Promise<boolean>;
  /** How data directories are copied here, as found out by trying. */
  cloneMethod(target: string): Promise<CloneProbe>;
}

export interface TemplatesOptions {
  /** Of everything of this driver. */
  root: string;
  clock: Clock;
  path: string;
  runner: () => Runner;
}

export function createTemplates({ root, clock, path, runner }: TemplatesOptions): Templates {
  const settle = async (directory: string) => void (await stopServer(serverHome(directory), clock));
  const store = createSealedStore({ root, content: "server/data", now: () => clock.now(), settle });
  const { sealed, building } = store.places;
  const cloneMethod = async (target: string) => {
    await store.prepare();
    return readCloneMethod(join(root, "clone-method.json"), { source: sealed, target, path, nowMs: clock.now() });
  };
  const ensure = (wish: TemplateWish, key: string, make: (build: Build) => Promise<string[]>): Promise<Template> => {
    const { call, programs, options, name } = wish;
    const fill = async (directory: string) => {
      const build: Build = { place: serverHome(directory), programs, runner: runner(), options, clock, path, name };
      await ensureHome(build.place, build.runner);
      const notes = await make(build);
      await verifyBuild(build, call.abort);
      for (const note of notes.slice(0, 5)) call.report(`note: ${note}`);
      return notes;
    };
    return store.ensure({ key, title: programTitle(programs), abort: call.abort, report: call.report, fill });
  };
  const ensureBase = (wish: TemplateWish) =>
    ensure(wish, templateKey(wish.programs, wish.options, null), async (build) => {
      wish.call.report(`making an empty database with ${programTitle(wish.programs)}`);
      await buildBase(build, (await cloneMethod(building)).method, wish.call.abort);
      return [];
    });
  const ensureFilled = (wish: TemplateWish) =>
    ensure(wish, templateKey(wish.programs, wish.options, wish.inputs), async (build) => {
      const base = await ensureBase(wish);
      wish.call.report("building the template of this database");
      const { method } = await cloneMethod(building);
      await copyData({ method, from: base.content, to: build.place.data, path, abort: wish.call.abort });
      own(build.place.data, build.runner);
      return buildContent(build, wish.inputs, wish.call);
    });
  return {
    cloneMethod,
    putAwayIfDamaged: store.putAwayIfDamaged,
    async ensure(wish) {
      await store.prepare();
      return needsOwnTemplate(wish.inputs) ? ensureFilled(wish) : ensureBase(wish);
    },
  };
}
