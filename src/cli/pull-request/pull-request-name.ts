// What a person calls a pull request by: its number, or the address of any of its pages.
import { WtError } from "../../errors/wt-error.ts";

export type Forge = "github" | "gitlab";

export interface PullRequestName {
  number: number;
  /** Of the repository it was made to; null for a mere number. */
  repository: { host: string; path: string } | null;
  /** As the form of the name tells; null where it does not. */
  forge: Forge | null;
}

/** Forms of the path: GitHub, GitLab (with and without `/-/`), and Gitea and Forgejo, whose refs are GitHub's. */
const pagePath = /^\/(?<path>[^?#]+?)\/(?:pull|pulls|(?:-\/)?(?<merge>merge_requests))\/(?<number>\d+)(?:[/?#]|$)/;

/** `12`, `#12`, `!12`, `https://github.com/owner/name/pull/12/files`. Throws `WtError` (`usage`, `pull_request_name`) for anything else. */
export function parsePullRequestName(text: string): PullRequestName {
  const plain = /^(?<mark>[#!]?)(?<number>\d+)$/.exec(text)?.groups;
  if (plain) return { number: numberOf(plain.number, text), repository: null, forge: plain.mark === "!" ? "gitlab" : null };
  const url = URL.canParse(text) ? new URL(text) : null;
  const page = url && /^https?:$/.test(url.protocol) ? pagePath.exec(`${url.pathname}${url.search}`)?.groups : undefined;
  if (!url || !page) throw notAName(text);
  return {
    number: numberOf(page.number, text),
    repository: { host: url.host.toLowerCase(), path: page.path ?? "" },
    forge: page.merge !== undefined ? "gitlab" : null,
  };
}

function numberOf(digits: string | undefined, text: string): number {
  const number = Number(digits);
  if (!Number.isSafeInteger(number) || number < 1) throw notAName(text);
  return number;
}

function notAName(text: string): WtError {
  return new WtError({
    kind: "usage",
    code: "pull_request_name",
    message: `"${text}" is neither the number nor the address of a pull request.`,
    hints: ["By number: wt pr 123", "By address: wt pr https://github.com/owner/name/pull/123"],
  });
}
