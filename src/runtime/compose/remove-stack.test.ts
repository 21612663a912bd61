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
