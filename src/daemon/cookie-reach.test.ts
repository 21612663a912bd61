import { expect, test } from "bun:test";
import { cookieReaches, domainOf, parentDomains } from "./cookie-reach.ts";

test.each([
  ["a.localhost", null, "a.localhost", true],
  ["a.localhost", null, "web.a.localhost", false],
  ["a.localhost", null, "b.localhost", false],
  ["a.localhost", "a.localhost", "web.a.localhost", true],
  ["web.a.localhost", "a.localhost", "a.localhost", true],
  ["a.localhost", "localhost", "b.localhost", false],
  ["a.localhost", ".localhost", "b.localhost", false],
  ["a.localhost", "LOCALHOST", "a.localhost", false],
  ["a.localhost", "b.localhost", "b.localhost", false],
  ["a.localhost", "a.localhost", "xa.localhost", false],
  ["a.localhost", "", "a.localhost", true],
  ["localhost", "localhost", "localhost", true],
  ["localhost", "localhost", "a.localhost", false],
  // Names under one registrable domain would share; so it shows that the rules can say yes.
  ["a.wt.example", "wt.example", "b.wt.example", true],
] as const)("a cookie of %s with Domain %p goes to %s: %p", (...[host, domain, target, reaches]) => {
  expect(cookieReaches({ host, domain }, target)).toBe(reaches);
});

test.each([
  ["session=1; Path=/; HttpOnly", null],
  ["session=1; Domain=.localhost; Path=/", ".localhost"],
  ["session=1; domain = a.localhost ", "a.localhost"],
  ["session=1; Domain=one; Domain=two", "two"],
  ["session=1; Domain=", null],
  ["Domain=no; Path=/", null],
] as const)("the Domain of %p is %p", (header, domain) => {
  expect(domainOf(header)).toBe(domain);
});

test("a page can name itself and all that is above it", () => {
  expect(parentDomains("web.a.localhost")).toEqual(["web.a.localhost", "a.localhost", "localhost"]);
});
