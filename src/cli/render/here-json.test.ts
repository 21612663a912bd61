import { expect, test } from "bun:test";
import * as v from "valibot";
import type { EnvironmentView } from "../../api/environment.ts";
import { hereDocument } from "../../api/schemas.ts";
import { fakeEnvironment, fakeService } from "../testing/fake-daemon.ts";
import { hereJson } from "./here-json.ts";

const parse = (given: Partial<EnvironmentView>) =>
  v.parse(hereDocument, JSON.parse(hereJson({ schema: 1, environment: fakeEnvironment(given) })));

test("a healthy environment has no problems, and says what can be done in it", () => {
  const { health, commands } = parse({ services: [fakeService()] });
  expect(health).toEqual({ ok: true, problems: [] });
  expect(commands.map(({ run }) => run)).toContain("wt delete one");
  expect(parse({ main: true }).commands.map(({ run }) => run)).not.toContain("wt delete one");
});

test("each problem comes with the next command", () => {
  const services = [fakeService(), fakeService({ name: "api", state: "CrashLoopBackOff", reason: "It ended with code 1." })];
  const resources = [{ name: "db", type: "postgres", state: "Broken" as const, detail: "Its files are gone." }];
  expect(parse({ status: "Degraded", services, resources }).health).toEqual({
    ok: false,
    problems: [
      { problem: "api is CrashLoopBackOff: It ended with code 1.", next: "wt logs api --since 5m" },
      { problem: "db is Broken: Its files are gone.", next: "wt db list -e one" },
    ],
  });
  expect(parse({ status: "Stopped", services: [fakeService({ state: "Stopped" })] }).health.problems).toEqual([
    { problem: "Its services are stopped.", next: "wt up" },
  ]);
  const incomplete = { step: "setup:0", place: "setup[0]", reason: "npm ci failed.", logPath: null };
  expect(parse({ status: "Incomplete", branch: "feature/one", incomplete }).health.problems).toEqual([
    { problem: "Creating it stopped: npm ci failed.", next: "wt create feature/one --resume" },
  ]);
  expect(parse({ status: "Missing" }).health.problems).toMatchObject([{ next: "wt delete one" }]);
});
