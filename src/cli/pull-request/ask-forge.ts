// What `gh` and `glab` say about a pull request. Both know who the user is, so wt needs no token of its own; without them git's refs suffice.
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";
import { callerEnvironment } from "../command.ts";
import type { Environment } from "../terminal.ts";
import type { ChosenRemote } from "./choose-remote.ts";
import type { Forge } from "./pull-request-name.ts";

export interface PullRequest {
  title: string;
  state: "open" | "closed" | "merged";
  /** Its branch in the repository it comes from. */
  branch: string;
  /** Null when it comes from the very repository. `path` is null where the fork is gone or cannot be seen. */
  fork: { path: string | null; maintainersMayPush: boolean } | null;
}

export interface Question {
  env: Environment;
  cwd: string;
  number: number;
  chosen: ChosenRemote;
}

/** Why nobody could be asked, in words that follow "because". */
export type Unasked = { because: string };

const deadlineMs = 30_000;

/** Throws `WtError` (`not_found`, `pull_request_unknown`) when the host says that there is none. */
export async function askForge(question: Question): Promise<PullRequest | Unasked> {
  const { forge, address } = question.chosen;
  if (forge === null || address === null) return { because: "the remote is no host that gh or glab know" };
  const repository = `${address.host}/${address.path}`;
  return forge === "github" ? await askGitHub(question, repository) : await askGitLab(question, repository);
}

const gitHubFields = ["title", "state", "headRefName", "headRepository", "headRepositoryOwner", "isCrossRepository", "maintainerCanModify"];

async function askGitHub(question: Question, repository: string): Promise<PullRequest | Unasked> {
  const args = ["pr", "view", String(question.number), "--repo", repository, "--json", gitHubFields.join(",")];
  const asked = await ask(question, "gh", args);
  if ("because" in asked) return asked;
  const { answer } = asked;
  const owner = text(answer.headRepositoryOwner, "login");
  const name = text(answer.headRepository, "name");
  return {
    title: text(answer, "title") ?? "",
    state: states[(text(answer, "state") ?? "").toLowerCase()] ?? "open",
    branch: required(answer, "headRefName", "gh"),
    fork:
      answer.isCrossRepository === true
        ? { path: owner && name ? `${owner}/${name}` : null, maintainersMayPush: answer.maintainerCanModify === true }
        : null,
  };
}

async function askGitLab(question: Question, repository: string): Promise<PullRequest | Unasked> {
  const args = ["mr", "view", String(question.number), "--repo", `https://${repository}`, "--output", "json"];
  const asked = await ask(question, "glab", args);
  if ("because" in asked) return asked;
  const { answer } = asked;
  const source = answer.source_project_id;
  const crosses = source !== answer.target_project_id;
  return {
    title: text(answer, "title") ?? "",
    state: states[(text(answer, "state") ?? "").toLowerCase()] ?? "open",
    branch: required(answer, "source_branch", "glab"),
    fork: crosses
      ? {
          path: typeof source === "number" ? await gitLabPath(question, source) : null,
          maintainersMayPush: answer.allow_collaboration === true || answer.allow_maintainer_to_push === true,
        }
      : null,
  };
}

/** A merge request names the project it comes from by its number only. */
async function gitLabPath(question: Question, project: number): Promise<string | null> {
  const host = question.chosen.address?.host ?? "";
  try {
    const asked = await ask(question, "glab", ["api", "--hostname", host, `projects/${project}`]);
    return "because" in asked ? null : text(asked.answer, "path_with_namespace");
  } catch (error) {
    if (error instanceof WtError && error.code === "pull_request_unknown") return null;
    throw error;
  }
}

const states: Record<string, PullRequest["state"]> = {
  open: "open",
  opened: "open",
  // GitLab: while it is being merged.
  locked: "open",
  closed: "closed",
  merged: "merged",
};

type Answer = Record<string, unknown>;

/** `gh` and `glab` say "there is none" in these words, and nothing of it with an exit code. */
const unknownSentences = /could not resolve to a pullrequest|no pull requests? found|404 not found|\b404\b.*not found/i;

async function ask(question: Question, program: "gh" | "glab", args: string[]): Promise<{ answer: Answer } | Unasked> {
  const { cwd, number } = question;
  const env = { ...callerEnvironment(question.env), GH_PROMPT_DISABLED: "1", GH_NO_UPDATE_NOTIFIER: "1", NO_PROMPT: "1", NO_COLOR: "1" };
  const timeout = AbortSignal.timeout(deadlineMs);
  const result = await exec([program, ...args], { cwd, env, abort: timeout }).catch((error) => {
    if (error instanceof WtError && error.code === "program_missing") return `${program} is not installed`;
    if (timeout.aborted) return `${program} did not answer within ${deadlineMs / 1000} s`;
    throw error;
  });
  if (typeof result === "string") return { because: result };
  if (result.code !== 0) {
    if (unknownSentences.test(result.stderr)) throw pullRequestUnknown(number, question.chosen);
    const [said = ""] = result.stderr.split("\n").filter((line) => line.trim() !== "");
    return { because: `${program} failed: ${said.trim().replace(/\.$/, "") || `exit code ${result.code}`}` };
  }
  try {
    const answer: unknown = JSON.parse(result.stdout);
    if (typeof answer === "object" && answer !== null && !Array.isArray(answer)) return { answer: answer as Answer };
  } catch {
    // Said below.
  }
  return { because: `${program} answered with something that is no JSON object` };
}

export function pullRequestUnknown(number: number, { remote, address, forge }: ChosenRemote): WtError {
  const where = address ? `${address.host}/${address.path}` : remote.url;
  return new WtError({
    kind: "not_found",
    code: "pull_request_unknown",
    message: `There is no ${nameOf(forge)} ${number} on ${where}.`,
    hints: [
      forge === "gitlab" ? "See those there are: glab mr list" : "See those there are: gh pr list",
      "Another repository's: wt pr <its address>",
    ],
    details: { number, remote: remote.name },
  });
}

export function nameOf(forge: Forge | null): string {
  return forge === "gitlab" ? "merge request" : "pull request";
}

function text(value: unknown, key: string): string | null {
  const found = typeof value === "object" && value !== null ? (value as Answer)[key] : undefined;
  return typeof found === "string" && found !== "" ? found : null;
}

function required(answer: Answer, key: string, program: string): string {
  const found = text(answer, key);
  if (found !== null) return found;
  throw new WtError({
    kind: "machine",
    code: "forge_answer",
    message: `${program} answered without ${key}, so the branch is not known.`,
    hints: [`Update ${program}, then try again.`],
  });
}
