// What a Dockerfile says that matters before it is built. Loose: a line that is not understood says nothing.
import { cleanPath } from "../normalize.ts";

export interface DockerfileOutline {
  /** The image that the built stage comes from, as written; null: none is known. */
  base: string | null;
  /** TCP ports that the built stage exposes. */
  exposed: number[];
  /** Files of the build context that it copies, and those its commands name, as written. */
  mentioned: string[];
  /** What it copies in any stage, and where to. `from` null: out of the build context; else another stage, an image, an additional context. */
  copies: { from: string | null; source: string; target: string }[];
  /** ENTRYPOINT and CMD of the built stage, as a shell would read them. */
  commands: string[];
}

interface Stage {
  name: string | null;
  /** As written. */
  image: string;
  from: string;
  exposed: number[];
  commands: Map<string, string>;
}

export function outlineDockerfile(text: string, target: string | null): DockerfileOutline {
  const stages: Stage[] = [];
  const mentioned = new Set<string>();
  const copies: DockerfileOutline["copies"] = [];
  let directory = "/";
  for (const { instruction, rest } of instructions(text)) {
    const stage = stages.at(-1);
    if (instruction === "FROM") {
      stages.push(newStage(rest));
      directory = "/";
    } else if (instruction === "WORKDIR") directory = placeIn(directory, rest.trim());
    else if (instruction === "EXPOSE") stage?.exposed.push(...rest.split(/\s+/).flatMap(exposedPort));
    else if (instruction === "ENTRYPOINT" || instruction === "CMD") stage?.commands.set(instruction, shellForm(rest));
    else if (instruction === "COPY" || instruction === "ADD") {
      const from = /(?:^|\s)--from=(\S+)/.exec(rest)?.[1] ?? null;
      const words = wordsOf(rest).filter((word) => !word.startsWith("--"));
      const target = placeIn(directory, words.pop() ?? "");
      for (const source of words) {
        if (from === null) mentioned.add(source);
        copies.push({ from, source, target });
      }
    } else if (instruction === "RUN") for (const word of wordsOf(rest)) mentioned.add(word);
  }
  const built = chain(stages, target);
  const exposed = built.map((stage) => stage.exposed).find((ports) => ports.length > 0) ?? [];
  const commands = ["ENTRYPOINT", "CMD"].flatMap(
    (key) => built.map((stage) => stage.commands.get(key)).find((one) => one !== undefined) ?? [],
  );
  return { base: built.at(-1)?.image ?? null, exposed: [...new Set(exposed)], mentioned: [...mentioned], copies, commands };
}

/** Where a path lies that is seen from a directory of the image. */
function placeIn(directory: string, path: string): string {
  return cleanPath(path.startsWith("/") ? path : `${directory}/${path}`);
}

function newStage(rest: string): Stage {
  const [, from = "", name] = /^(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?/i.exec(rest) ?? [];
  return { name: name?.toLowerCase() ?? null, image: from, from: from.toLowerCase(), exposed: [], commands: new Map() };
}

/** The stage that is built, then the stages it comes from. */
function chain(stages: readonly Stage[], target: string | null): Stage[] {
  const found: Stage[] = [];
  let index =
    target === null ? stages.length - 1 : stages.findLastIndex((stage, at) => stage.name === target.toLowerCase() || String(at) === target);
  while (index >= 0) {
    const stage = stages[index];
    if (!stage) break;
    found.push(stage);
    index = stages.slice(0, index).findLastIndex((other) => other.name !== null && other.name === stage.from);
  }
  return found;
}

/** Comments taken out, lines that end with a backslash joined. */
function instructions(text: string): { instruction: string; rest: string }[] {
  const lines = text.split(/\r?\n/).filter((line) => !/^\s*#/.test(line));
  const joined = lines.join("\n").replace(/\\[ \t]*\n/g, " ");
  return joined.split("\n").flatMap((line) => {
    const match = /^\s*([A-Za-z]+)\s+(.+?)\s*$/.exec(line);
    return match ? [{ instruction: (match[1] ?? "").toUpperCase(), rest: match[2] ?? "" }] : [];
  });
}

function exposedPort(word: string): number[] {
  const match = /^(\d{1,5})(?:\/tcp)?$/.exec(word);
  const port = Number(match?.[1] ?? 0);
  return port >= 1 && port <= 65_535 ? [port] : [];
}

/** `["a", "b"]` and `a b` alike. */
function wordsOf(rest: string): string[] {
  return shellForm(rest.replace(/^(?:--\S+\s+)*/, ""))
    .split(/[\s;&|]+/)
    .filter((word) => word !== "");
}

function shellForm(rest: string): string {
  if (!rest.startsWith("[")) return rest;
  try {
    const list: unknown = JSON.parse(rest);
    return Array.isArray(list) ? list.map(String).join(" ") : rest;
  } catch {
    // Docker takes what is no list for a command, too.
    return rest;
  }
}
