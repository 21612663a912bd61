// What the engine says when it refuses → a sentence and what to do. Pure.
import { type ErrorKind, WtError } from "../../errors/wt-error.ts";

interface Sentence {
  pattern: RegExp;
  code: string;
  /** Continues "<subject>: ". */
  because(match: RegExpExecArray): string;
  hints: string[];
  kind?: ErrorKind;
}

const sentences: Sentence[] = [
  {
    pattern: /no space left on device/i,
    code: "disk_full",
    because: () => "no space is left on the engine's disk",
    hints: ["Free some space (`docker system df` shows what takes it), then try again."],
  },
  {
    pattern: /(?:port is already allocated|address already in use|ports are not available)/i,
    code: "port_taken",
    because: () => "a port that it publishes is held by another program",
    hints: ["Run `wt doctor` to see who holds it, then `wt up`."],
  },
  {
    pattern: /(?:could not find an available|all predefined address pools|non-overlapping IPv4 address pool)/i,
    code: "address_pool_exhausted",
    because: () => "the engine has no free range of addresses for its network",
    hints: ["Remove networks that nobody uses (`docker network prune`), then run `wt up`."],
  },
  {
    pattern: /(?:Pool overlaps|subnet [\d./]+ (?:is|already) (?:already )?used|invalid pool request)/i,
    code: "subnet_taken",
    because: () => "the range of addresses of its network overlaps with that of another network",
    hints: ["Run `wt up` again; another range is chosen."],
  },
  {
    pattern: /(?:No such image:?|image not found|pull access denied for|manifest unknown|manifest for) ?([^\s,:"]+(?::[^\s,"]+)?)?/i,
    code: "image_missing",
    because: ([, image]) => `its image${image ? ` ${image}` : ""} is neither on this machine nor to be had`,
    hints: ["Check `image:` of the service, and `docker login` if the registry wants one."],
  },
  {
    pattern: /exec: "?([^":]+)"?: (?:executable file not found|stat |no such file)/i,
    code: "container_failed",
    because: ([, program]) => `its image has no program ${program}`,
    hints: ["Check `command:` and `entrypoint:` of the service in the compose file."],
  },
  {
    pattern:
      /(?:bind source path does not exist|error while creating mount source path|not a directory: (?:unknown|Are you trying to mount)):? ?'?([^\s':]+)?/i,
    code: "container_failed",
    because: ([, path]) => `something that it mounts${path ? ` (${path})` : ""} is not there`,
    hints: ["Check `volumes:` of the service in the compose file."],
  },
];

/** `subject` begins the sentence: "Service web cannot start". `text`: what the engine or Compose said. */
export function engineRefusal(subject: string, text: string, otherwise: { code: string; hints: string[] }): WtError {
  for (const { pattern, code, because, hints } of sentences) {
    const match = pattern.exec(text);
    if (match)
      return new WtError({ kind: "machine", code, message: `${subject}: ${because(match)}.`, hints, details: { engine: said(text) } });
  }
  return new WtError({ kind: "machine", code: otherwise.code, message: `${subject}: ${said(text)}.`, hints: otherwise.hints });
}

/** The last thing that was said, on one line and without its period. */
export function said(text: string): string {
  const line = text
    .split("\n")
    .map((each) => each.trim())
    .filter((each) => each !== "")
    .at(-1);
  return (line ?? "the engine gave no reason")
    .replace(/^Error response from daemon: /, "")
    .slice(0, 300)
    .replace(/\.$/, "");
}
