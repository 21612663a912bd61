import { afterAll, afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { busyboxImage, docker, dockerReason, runLabels, type TestImage } from "../../../test/support/docker.ts";
import type { JsonValue } from "../../errors/wt-error.ts";
import { type ComposeHarness, createComposeHarness } from "./compose-driver.conformance.ts";
import type { StackModel } from "./compose-stack.ts";
import { labels } from "./labels.ts";

setDefaultTimeout(60_000);

let image: TestImage | null = null;
afterAll(() => image?.[Symbol.dispose]());
let harness: ComposeHarness;

const whyNot = dockerReason();
describe.skipIf(whyNot !== null)(`removal${whyNot ? ` (skipped: ${whyNot})` : ""}`, () => {
  beforeEach(async () => {
    image ??= busyboxImage();
    harness = await createComposeHarness(image.name);
  });
  afterEach(async () => {
    await harness.dispose();
  });

  test("what others remove at the same moment is gone for all of them", async () => {
    const own = { [labels.environment]: "env", [labels.nonce]: harness.nonce, [labels.role]: "environment" };
    const mark = harness.owned({ environmentId: "env", nonce: harness.nonce });
    const service = { image: image?.name ?? "", init: true, command: ["sleep", "300"], labels: own };
    for (let round = 0; round < 3; round++) {
      const project = `wt-test-${randomUUID().slice(0, 12)}`;
      const services = Object.fromEntries(["a", "b", "c", "d"].map((name) => [name, service]));
      const model = { name: project, services, networks: { default: { labels: own } } };
      await harness.stack.create({ project, directory: harness.directory, model, mark }, harness.call);
      await harness.stack.start(mark, "environment", harness.call.abort);
      const removals = [1, 2, 3].map(() => harness.stack.remove(mark, { volumes: true, images: true }, harness.call.abort));
      expect(await Promise.all(removals)).toEqual([[], [], []]);
    }
  });

  test("a volume without a name goes with its container, also with one that was made anew; one that the compose file names stays", async () => {
    const label = `${Object.entries(runLabels())[0]?.join("=")}`;
    const theirs = docker("volume", "create", "--label", label);
    expect(theirs).toMatch(/^[0-9a-f]{64}$/);
    const own = { [labels.environment]: "env", [labels.nonce]: harness.nonce, [labels.role]: "environment" };
    const project = `wt-test-${randomUUID().slice(0, 12)}`;
    const volumes: JsonValue[] = [
      { type: "volume", target: "/data" },
      { type: "volume", source: "theirs", target: "/theirs" },
    ];
    const web = { image: image?.name ?? "", init: true, command: ["sleep", "300"], labels: own, network_mode: "none", volumes };
    const model = { name: project, services: { web }, volumes: { theirs: { external: true, name: theirs } } };
    const stack: StackModel = {
      project,
      directory: harness.directory,
      model,
      mark: harness.owned({ environmentId: "env", nonce: harness.nonce }),
    };
    const mounted = () => {
      const written = docker("inspect", "--format", "{{range .Mounts}}{{.Name}} {{end}}", `${project}-web-1`);
      return written.split(" ").filter((name) => name !== theirs && name !== "");
    };
    try {
      await harness.stack.create(stack, harness.call);
      const [held = ""] = mounted();
      expect(await harness.stack.create(stack, harness.call, { anew: ["web"] })).toMatchObject([{ unnamedVolumes: true }]);
      expect(mounted()).toEqual([held]);
      expect(await harness.stack.remove(stack.mark, { volumes: true, images: true }, harness.call.abort)).toEqual([]);
      const left = docker("volume", "ls", "--quiet").split("\n");
      expect(left).toContain(theirs);
      expect(left).not.toContain(held);
    } finally {
      docker("volume", "rm", "--force", theirs);
    }
  });
});
