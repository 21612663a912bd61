// A command is data and a handler: parsing, help, the reference page and shell completion are all made from the data.
import type { DaemonClient } from "../client/daemon-client.ts";
import type { DaemonConnection } from "./daemon-connection.ts";
import type { Environment, Terminal } from "./terminal.ts";

export interface Command<Options extends OptionTable = OptionTable> {
  /** As typed: `list`, `daemon status`. */
  name: string;
  /** One line, no period. */
  summary: string;
  /** Paragraphs under the usage line. */
  details?: string[];
  arguments: ArgumentSpec[];
  options: Options;
  examples: Example[];
  /** Options end at the first positional argument; the rest is passed on untouched (`wt run`). */
  passthrough?: boolean;
  hidden?: boolean;
  /** Resolves with the exit code. */
  handler(invocation: Invocation<Options>, context: Context): Promise<number>;
}

export interface ArgumentSpec {
  name: string;
  summary: string;
  required?: boolean;
  variadic?: boolean;
  choices?: readonly string[];
  complete?: CompletionKind;
}

export interface FlagSpec {
  type: "boolean";
  short?: string;
  summary: string;
}

export interface ValueSpec {
  type: "string" | "number";
  short?: string;
  placeholder: string;
  summary: string;
  complete?: CompletionKind;
}

export type OptionSpec = FlagSpec | ValueSpec;
export type OptionTable = Readonly<Record<string, OptionSpec>>;
export type CompletionKind =
  | "environment"
  | "branch"
  | "service"
  | "resource"
  | "checkpoint"
  | "template"
  | "project"
  | "deleted"
  | "directory"
  | "command";

export interface Example {
  command: string;
  summary: string;
}

export type OptionValues<Options extends OptionTable> = {
  [Name in keyof Options]: Options[Name]["type"] extends "boolean"
    ? boolean
    : Options[Name]["type"] extends "number"
      ? number | undefined
      : string | undefined;
};

export interface Invocation<Options extends OptionTable = OptionTable> {
  options: OptionValues<Options>;
  arguments: string[];
}

/** What a handler may use. Nothing of it is global, so that tests can hand in their own. */
export interface Context {
  /** After `-C`. */
  cwd: string;
  env: Environment;
  version: string;
  json: boolean;
  verbose: boolean;
  terminal: Terminal;
  connection: DaemonConnection;
  /** Over `connection`: starts the daemon when none listens. */
  client: DaemonClient;
}

/** Keeps the types of the options for the handler. */
export function defineCommand<const Options extends OptionTable>(command: Command<Options>): Command {
  return command as unknown as Command;
}

/** Shared by the commands that work on one environment but take services as arguments. */
export const environmentOption = {
  type: "string",
  short: "e",
  placeholder: "name",
  summary: "The environment (slug or branch); default: the one of the current directory",
  complete: "environment",
} as const satisfies ValueSpec;

export function targetOf(context: Pick<Context, "cwd">, name: string | undefined): { cwd: string; name?: string } {
  return name === undefined ? { cwd: context.cwd } : { cwd: context.cwd, name };
}

/** The whole environment of the caller, for requests that start programs. */
export function callerEnvironment(env: Environment): Record<string, string> {
  const defined: Record<string, string> = {};
  for (const [key, value] of Object.entries(env)) if (value !== undefined) defined[key] = value;
  return defined;
}
