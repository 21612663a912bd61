import { expect, test } from "bun:test";
import type { Config, ServiceConfig } from "../config/config.ts";
import { isAnswered } from "./prepare-stack.ts";

test("a variable that wt.yaml sets itself is not warned of, whatever the compose file says", () => {
  const web = { name: "shop-web", container: { service: "shop_web" }, env: { ORIGIN: "" } } as unknown as ServiceConfig;
  const config = { env: { SITE: "x" }, services: [web] } as unknown as Config;
  const answered = (key: string, service = "shop_web") => isAnswered(config, { rule: "address-in-variable", service, key });
  expect([answered("environment.ORIGIN"), answered("environment.SITE"), answered("environment.SITE", "other")]).toEqual([true, true, true]);
  expect([answered("environment.API"), answered("environment.ORIGIN", "other")]).toEqual([false, false]);
  expect(isAnswered(config, { rule: "replicas", service: "shop_web", key: "environment.ORIGIN" })).toBe(false);
});
