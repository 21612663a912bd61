// Which remote a pull request was made to, and what kind of host it is on.
import { WtError } from "../../errors/wt-error.ts";
import type { Remote } from "../../git/remotes.ts";
import type { Forge, PullRequestName } from "./pull-request-name.ts";
import { parseRemoteAddress, type RemoteAddress } from "./remote-address.ts";

export interface ChosenRemote {
  remote: Remote;
  /** Null for a remote that is a directory. */
  address: RemoteAddress | null;
  /** Null where neither the host's name nor the pull request's tells. */
  forge: Forge | null;
}

/** As `gh` orders them. */
const usualNames = ["upstream", "github", "gitlab", "origin"];

/** Throws `WtError`: `no_remote`, `remote_unknown` (none is the repository of the address). */
export function chooseRemote(remotes: readonly Remote[], name: PullRequestName): ChosenRemote {
  if (remotes.length === 0) throw noRemote(name);
  const known = remotes.map((remote) => ({ remote, address: parseRemoteAddress(remote.url) }));
  const { repository } = name;
  const sorted = known.toSorted((a, b) => rank(a.remote) - rank(b.remote));
  const chosen = repository === null ? sorted[0] : sorted.find(({ address }) => address !== null && isAt(address, repository));
  if (!chosen) throw remoteUnknown(name, known);
  return { ...chosen, forge: name.forge ?? forgeOf(chosen.address?.host ?? "") };
}

function rank({ name, resolved }: Remote): number {
  if (resolved) return -1;
  const place = usualNames.indexOf(name);
  return place < 0 ? usualNames.length : place;
}

function isAt(address: RemoteAddress, repository: { host: string; path: string }): boolean {
  // `ssh.github.com` and `altssh.gitlab.com` are the same hosts on another port.
  const host = address.host.replace(/^(ssh|altssh|www)\./, "");
  return host === repository.host.replace(/^www\./, "") && address.path.toLowerCase() === repository.path.toLowerCase();
}

function forgeOf(host: string): Forge | null {
  if (/(^|\.)github\b/.test(host)) return "github";
  return /(^|\.)gitlab\b/.test(host) ? "gitlab" : null;
}

function noRemote({ number }: PullRequestName): WtError {
  return new WtError({
    kind: "not_found",
    code: "no_remote",
    message: `This repository has no remote that pull request ${number} could be on.`,
    hints: ["git remote add origin <url>"],
  });
}

function remoteUnknown({ number, repository }: PullRequestName, known: { remote: Remote; address: RemoteAddress | null }[]): WtError {
  const there = known.map(({ remote, address }) => `${remote.name} (${address ? `${address.host}/${address.path}` : "a directory"})`);
  const where = `${repository?.host}/${repository?.path}`;
  return new WtError({
    kind: "not_found",
    code: "remote_unknown",
    message: `Pull request ${number} is on ${where}, and no remote of this repository is that; there is ${there.join(", ")}.`,
    hints: ["Go to a clone of that repository, then try again.", `Or add it here: git remote add upstream https://${where}.git`],
    details: { repository: where },
  });
}
