import { expect, test } from "bun:test";
import { isPrivatePlace } from "./private-place.ts";

const places = { home: "/home/ann", own: ["/home/ann/state/worldtree"] };

test("keys, passwords and sockets, what lies below them, and every directory that holds them", () => {
  for (const path of [
    "/home/ann/.ssh",
    "/home/ann/.ssh/id_ed25519",
    "/home/Ann/.SSH",
    "/srv/S.gpg-agent.ssh",
    "/home/ann",
    "/home/",
    "/home/bob/.aws/credentials",
    "/home/ann/x/../.npmrc",
    "/home/ann/.m2",
    "/home/ann/.cargo",
    "/home/ann/state",
    "/home/ann/state/worldtree/ledger.sqlite",
    "/etc",
    "/etc/shadow",
    "/proc/1/environ",
    "/run/user/1000/bus",
    "/var/lib",
    "/tmp",
    "/tmp/ssh-abc/agent.12",
    "/srv/app.sock",
  ]) {
    expect([path, isPrivatePlace(path, places)]).toEqual([path, true]);
  }
});

test("caches, data and public settings are none", () => {
  for (const path of [
    "/home/ann/.cache/pip",
    "/home/ann/.cargo/registry",
    "/home/ann/.m2/repository",
    "/home/ann/data",
    "/etc/hosts",
    "/etc/passwd",
    "/etc/ssl/certs",
    "/srv",
    "/sys",
    "/tmp/build",
    "/usr/share",
    "/trees/.sshd/x",
  ]) {
    expect([path, isPrivatePlace(path, places)]).toEqual([path, false]);
  }
  expect(isPrivatePlace("/home/ann/.npmrc", { home: null, own: [] })).toBe(false);
});
