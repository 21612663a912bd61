import { afterAll, afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { busyboxImage, docker, dockerReason, runLabels, type TestImage } from "../../../test/support/docker.ts";
import { WtError } from "../../errors/wt-error.ts";
import { type ComposeHarness, createComposeHarness } from "./compose-driver.conformance.ts";
import type { StackModel } from "./compose-stack.ts";
import { labels } from "./labels.ts";

setDefaultTimeout(60_000);

let image: TestImage | null = null;
afterAll(() => image?.[Symbol.dispose]());
let harness: ComposeHarness;

const whyNot = dockerReason();
describe.skipIf(whyNot !== null)(`names that others use${whyNot ? ` (skipped: ${whyNot})` : ""}`, () => {
  beforeEach(async () => {
    image ??= busyboxImage();
    harness = await createComposeHarness(image.name);
  });
  afterEach(async () => {
    await harness.dispose();
  });

  test("what bears the stack's names and is somebody else's is refused, and left as it is: a container, a network, a volume", async () => {
    const own = { [labels.environment]: "env", [labels.nonce]: harness.nonce, [labels.role]: "environment" };
    const project = `wt-test-${randomUUID().slice(0, 12)}`;
    const web = { image: image?.name ?? "", init: true, command: ["sleep", "300"], labels: own, volumes: ["data:/data"] };
    const model = { name: project, services: { web }, networks: { default: { labels: own } }, volumes: { data: { labels: own } } };
    const mark = harness.owned({ environmentId: "env", nonce: harness.nonce });
    const stack: StackModel = { project, directory: harness.directory, model, mark };
    const refused = async (what: string) => {
      const error = await harness.stack.create(stack, harness.call).then(
        () => null,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(WtError);
      expect(error).toMatchObject({ kind: "refused", code: "stack_foreign" });
      expect((error as WtError).message).toStartWith(`The ${what} bears a name`);
    };
    const label = `${Object.entries(runLabels())[0]?.join("=")}`;
    const ofProject = `com.docker.compose.project=${project}`;
    const run = ["run", "-d", "--network", "none", "--label", label, "--label", ofProject];
    const service = ["--label", "com.docker.compose.service=web", "--label", "com.docker.compose.oneoff=False"];
    const container = docker(...run, ...service, "--name", `${project}-web-1`, image?.name ?? "", "sleep", "300");
    await refused(`container ${project}-web-1`);
    expect(docker("inspect", "--format", "{{.State.Status}}", container)).toBe("running");
    docker("rm", "--force", container);
    docker("network", "create", "--label", label, "--label", ofProject, `${project}_default`);
    await refused(`network ${project}_default`);
    docker("network", "rm", `${project}_default`);
    docker("volume", "create", "--label", label, `${project}_data`);
    await refused(`volume ${project}_data`);
    docker("volume", "rm", `${project}_data`);
    expect((await harness.stack.observe(null, harness.call.abort)).containers).toEqual([]);
    // What somebody runs beside it (`docker compose run`) is no hindrance.
    const beside = docker(...run, "--label", "com.docker.compose.oneoff=True", image?.name ?? "", "sleep", "300");
    expect(await harness.stack.create(stack, harness.call)).toHaveLength(1);
    docker("rm", "--force", beside);
  });
});
