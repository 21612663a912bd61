import { expect, test } from "bun:test";
import { isInside, portablePath, reachesEngine } from "./host-path.ts";

test("inside is inside, whatever is written on the way", () => {
  for (const path of ["/t/shop", "/t/shop/", "/t/shop/a", "/t/shop/a/../b", "/t/shop/..hidden"])
    expect([path, isInside(path, "/t/shop")]).toEqual([path, true]);
  for (const path of ["/t/shop2", "/t", "/", "/t/shop/../x", "/other"]) expect([path, isInside(path, "/t/shop/")]).toEqual([path, false]);
});

test("a socket of a container engine, and every directory that holds one", () => {
  for (const path of [
    "/",
    "/run",
    "/run/",
    "/var/run",
    "/var",
    "/run/user/1000",
    "/var/run/docker.sock",
    "/home/ann/.docker/run/docker.sock",
    "/x/../run/podman",
  ]) {
    expect([path, reachesEngine(path)]).toEqual([path, true]);
  }
  for (const path of ["/srv", "/var/lib/postgresql", "/run/postgresql", "/run/user/1000/pulse", "/home/ann", "/tmp/docker.sock.d"]) {
    expect([path, reachesEngine(path)]).toEqual([path, false]);
  }
});

test("a neighbour of the worktree, a path of the home, or the path", () => {
  const places = { worktree: "/home/ann/trees/shop", home: "/home/ann" };
  expect(portablePath("/home/ann/trees/lib", places)).toBe("../lib");
  expect(portablePath("/home/ann/trees", places)).toBe("..");
  expect(portablePath("/home/ann/.aws/", places)).toBe("~/.aws");
  expect(portablePath("/home/ann", places)).toBe("~");
  expect(portablePath("/srv/x", places)).toBe("/srv/x");
  expect(portablePath("/home/ann/.aws", { worktree: "/home/ann/shop", home: "/home/ann" })).toBe("~/.aws");
  expect(portablePath("/lib", { worktree: "/shop" })).toBe("/lib");
});
