import { expect, test } from "bun:test";
import { WtError } from "../errors/wt-error.ts";
import { guardResources } from "./guard.ts";

const connections = { db: { variables: { DATABASE_URL: "postgres://own", PGHOST: "127.0.0.1" }, values: {} } };
const own = { key: "DATABASE_URL", value: "postgres://own", origin: "resource db" };

test("of two that give the same variable the shared one may win", () => {
  const connection = (url: string) => ({ variables: { DATABASE_URL: url }, values: { url } });
  const variables = [{ key: "DATABASE_URL", value: "everybody's", origin: "resource db" }];
  const guarded = (shared: string) => () =>
    guardResources({ user: "wt run", variables, connections: { notes: connection("own") }, shared: { db: connection(shared) } });
  expect(guarded("everybody's")).not.toThrow();
  expect(guarded("another")).toThrow("not this environment's notes");
});

test("the environment's own value passes, and so does a variable that is not there", () => {
  guardResources({ user: "services.api", variables: [own], connections });
});

test("the value of another resource of the same environment passes", () => {
  const other = { variables: { DATABASE_URL: "postgres://other" }, values: {} };
  guardResources({ user: "services.api", variables: [own], connections: { other, ...connections } });
});

test("another value is refused with the key and where it comes from", () => {
  const foreign = { key: "DATABASE_URL", value: "postgres://prod", origin: "wt.yaml: services.api.env.DATABASE_URL" };
  const refusal = (() => {
    try {
      guardResources({ user: "services.api", variables: [own, foreign], connections });
    } catch (error) {
      return WtError.from(error);
    }
    return null;
  })();
  expect(refusal).toMatchObject({ kind: "refused", code: "foreign_resource" });
  expect(refusal?.message).toContain("DATABASE_URL");
  expect(refusal?.message).toContain("wt.yaml: services.api.env.DATABASE_URL");
  expect(refusal?.message).not.toContain("postgres://");
});
