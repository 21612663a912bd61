// While the image that databases live in is not mounted, what lies there is neither absent nor to be made: it cannot be reached, and that is said.
import { join } from "node:path";
import type { WtError } from "../errors/wt-error.ts";
import { storeNames, unreachable } from "../os/storage-image.ts";
import type { ResourceDriver, ResourceSpec } from "../resource/resource-driver.ts";

type Answer = (error: WtError) => unknown;

/** What is asked without an intention to change anything gets an answer; everything else is refused with the sentence and the command. */
const answers: Readonly<Record<string, Answer>> = {
  observe: ({ message }) => ({ state: "broken", reason: message }),
  usage: ({ message }) => ({ exclusiveBytes: null, sharedBytes: null, how: message }),
  connection: () => null,
  contentMark: () => null,
  inputsChanged: () => null,
  sleep: () => false,
  adopt: () => undefined,
};

const templateAnswers: Readonly<Record<string, Answer>> = {
  list: () => [],
  leftovers: () => [],
  prepare: () => undefined,
};

/** They may copy from a template. */
const copying: ReadonlySet<string> = new Set(["ensure", "reset", "fork"]);
const pure: ReadonlySet<string> = new Set(["variableNames", "keyNames", "parseOptions", "identity", "close", "onSealed"]);

/** The driver, whose every verb first looks whether its resource and its templates can be reached. */
export function guardStorage(driver: ResourceDriver, state: string): ResourceDriver {
  const store = (storeNames as readonly string[]).includes(driver.type) ? [join(state, driver.type)] : [];
  const problemOf = (name: string, values: unknown[]): WtError | null => {
    const directories = values.filter(isSpec).map((spec) => spec.directory);
    const places = directories.length === 0 || copying.has(name) ? [...directories, ...store] : directories;
    return places.map((place) => unreachable(state, place)).find((error) => error !== null) ?? null;
  };
  const guard = (name: string, call: (...values: unknown[]) => unknown, known: Readonly<Record<string, Answer>>) => {
    return (...values: unknown[]) => {
      const error = problemOf(name, values);
      if (!error) return call(...values);
      const answer = known[name];
      return answer ? Promise.resolve(answer(error)) : Promise.reject(error);
    };
  };
  const wrap = <T extends object>(target: T, known: Readonly<Record<string, Answer>>): T =>
    new Proxy(target, {
      get(from, name) {
        const value = Reflect.get(from, name) as unknown;
        if (name === "templates" && value) return wrap(value as object, templateAnswers);
        if (typeof value !== "function" || typeof name !== "string" || pure.has(name)) return value;
        return guard(name, value.bind(from) as (...values: unknown[]) => unknown, known);
      },
    });
  return wrap(driver, answers);
}

function isSpec(value: unknown): value is ResourceSpec {
  return typeof value === "object" && value !== null && typeof (value as ResourceSpec).directory === "string" && "nonce" in value;
}
