import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { chooseRemote } from "./choose-remote.ts";
import { parsePullRequestName } from "./pull-request-name.ts";
import { parseRemoteAddress } from "./remote-address.ts";

const at = (host: string, path: string) => ({ host, path });

describe("what a pull request is called", () => {
  test.each([
    ["12", 12, null, null],
    ["#12", 12, null, null],
    ["!12", 12, null, "gitlab"],
    ["https://github.com/ada/shop/pull/7", 7, at("github.com", "ada/shop"), null],
    ["https://github.com/ada/shop/pull/7/files?w=1#diff-1", 7, at("github.com", "ada/shop"), null],
    ["https://gitlab.com/group/sub/shop/-/merge_requests/8/diffs", 8, at("gitlab.com", "group/sub/shop"), "gitlab"],
    ["https://git.example.org:8443/group/shop/merge_requests/8", 8, at("git.example.org:8443", "group/shop"), "gitlab"],
    ["https://codeberg.org/ada/shop/pulls/9", 9, at("codeberg.org", "ada/shop"), null],
  ] as const)("%s", (text, ...[number, repository, forge]) => {
    expect(parsePullRequestName(text)).toEqual({ number, repository, forge });
  });

  test.each([
    "",
    "0",
    "-1",
    "#",
    "12a",
    "feature/x",
    "99999999999999999999",
    "https://github.com/ada/shop",
    "https://github.com/pull/7",
    "https://github.com/ada/shop/pull/x",
    "https://github.com/ada/shop/pull/0",
    "ftp://github.com/ada/shop/pull/7",
    "https://github.com/ada/shop/issues/7",
  ])("%j is none", (text) => {
    expect(() => parsePullRequestName(text)).toThrow("is neither the number nor the address of a pull request");
  });

  test("any text is a name or a usage error", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.webUrl({ withQueryParameters: true })), (text) => {
        try {
          expect(parsePullRequestName(text).number).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toMatchObject({ kind: "usage", code: "pull_request_name" });
        }
      }),
    );
  });
});

describe("addresses of remotes", () => {
  test.each([
    ["git@github.com:ada/shop.git", at("github.com", "ada/shop"), "git@github.com:eve/shop.git"],
    ["github.com:ada/shop", at("github.com", "ada/shop"), "github.com:eve/shop.git"],
    ["https://github.com/ada/shop", at("github.com", "ada/shop"), "https://github.com/eve/shop.git"],
    ["https://user:secret@GitHub.com/ada/shop.git/", at("github.com", "ada/shop"), "https://github.com/eve/shop.git"],
    [
      "ssh://git@gitlab.example.org:2222/group/sub/shop.git",
      at("gitlab.example.org", "group/sub/shop"),
      "ssh://git@gitlab.example.org:2222/eve/shop.git",
    ],
    ["http://127.0.0.1:3000/ada/shop.git", at("127.0.0.1:3000", "ada/shop"), "http://127.0.0.1:3000/eve/shop.git"],
  ] as const)("%s", (url, repository, fork) => {
    const address = parseRemoteAddress(url);
    expect(address).toMatchObject(repository);
    expect(address?.withPath("eve/shop")).toBe(fork);
  });

  test.each(["/srv/git/shop.git", "../shop", "file:///srv/git/shop.git", ""])("%j is on no host", (url) => {
    expect(parseRemoteAddress(url)).toBeNull();
  });

  test("a password never gets into another address", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]{8,20}$/), (secret) => {
        expect(parseRemoteAddress(`https://me:${secret}@github.com/ada/shop.git`)?.withPath("eve/shop")).not.toContain(secret);
      }),
    );
  });
});

describe("the remote", () => {
  const remotes = [
    { name: "origin", url: "git@github.com:me/shop.git", resolved: false },
    { name: "upstream", url: "https://github.com/ada/shop.git", resolved: false },
    { name: "mirror", url: "https://gitlab.com/ada/shop", resolved: false },
  ];
  const chosen = (text: string, all = remotes) => {
    const { remote, forge } = chooseRemote(all, parsePullRequestName(text));
    return [remote.name, forge];
  };

  test("a number goes to the one that gh takes: what it was told, upstream, origin", () => {
    expect(chosen("7")).toEqual(["upstream", "github"]);
    expect(
      chosen(
        "7",
        remotes.map((one) => ({ ...one, resolved: one.name === "origin" })),
      ),
    ).toEqual(["origin", "github"]);
    expect(chosen("7", remotes.slice(0, 1))).toEqual(["origin", "github"]);
    expect(chosen("7", [{ name: "origin", url: "/srv/shop.git", resolved: false }])).toEqual(["origin", null]);
  });

  test("an address goes to the remote that is that repository, in whatever form", () => {
    expect(chosen("https://github.com/Me/Shop/pull/7")).toEqual(["origin", "github"]);
    expect(chosen("https://gitlab.com/ada/shop/-/merge_requests/7")).toEqual(["mirror", "gitlab"]);
    const ssh = [{ name: "x", url: "ssh://git@ssh.github.com:443/ada/shop.git", resolved: false }];
    expect(chosen("https://github.com/ada/shop/pull/7", ssh)).toEqual(["x", "github"]);
  });

  test("the pull request of another repository is not looked for in this one", () => {
    expect(() => chosen("https://github.com/eve/other/pull/7")).toThrow(
      "Pull request 7 is on github.com/eve/other, and no remote of this repository is that; there is origin (github.com/me/shop)",
    );
    expect(() => chosen("7", [])).toThrow("This repository has no remote that pull request 7 could be on.");
  });
});
