import { describe, expect, test } from "bun:test";
import { freeSubnet, isTaken, parseSubnet } from "./subnet-pool.ts";

test("a range is taken by one that it has an address in common with", () => {
  expect(isTaken("10.192.0.64/26", ["10.192.0.0/26", "10.192.0.128/25", "fd00::/64", "default"])).toBe(false);
  for (const other of ["10.192.0.64/26", "10.0.0.0/8", "10.192.0.100/32"]) expect(isTaken("10.192.0.64/26", [other])).toBe(true);
  expect(isTaken("none", ["10.0.0.0/8"])).toBe(false);
});

describe("freeSubnet", () => {
  test("begins where the seed says, and goes round", () => {
    expect(freeSubnet([], 0)).toBe("10.192.0.0/26");
    expect(freeSubnet([], 3)).toBe("10.192.0.192/26");
    expect(freeSubnet([], 16_384 + 1)).toBe("10.192.0.64/26");
  });

  test("passes over what is taken, also by something larger or smaller", () => {
    expect(freeSubnet(["10.192.0.0/26", "10.192.0.100/32"], 0)).toBe("10.192.0.128/26");
    expect(freeSubnet(["10.192.0.0/13"], 0)).toBe("10.200.0.0/26");
  });

  test("a route to all of a private range leaves the next one", () => {
    expect(freeSubnet(["10.0.0.0/8"], 5)).toBe("172.28.1.64/26");
    expect(freeSubnet(["10.0.0.0/8", "172.16.0.0/12"], 0)).toBe("192.168.192.0/26");
    expect(freeSubnet(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"], 0)).toBeNull();
  });

  test("what is no subnet of IPv4 counts for nothing", () => {
    expect(freeSubnet(["fd00::/64", "default", "10.192.0.0/99", "300.0.0.0/8"], 0)).toBe("10.192.0.0/26");
  });

  test("a thousand in a row never overlap", () => {
    const taken: string[] = [];
    for (let index = 0; index < 1000; index++) taken.push(freeSubnet(taken, 16_000) ?? "none");
    const ranges = taken.map((text) => parseSubnet(text)).toSorted((a, b) => (a?.first ?? 0) - (b?.first ?? 0));
    for (const [index, range] of ranges.entries()) expect(range?.first ?? 0).toBeGreaterThan(ranges[index - 1]?.last ?? 0);
    expect(new Set(taken).size).toBe(1000);
  });
});
