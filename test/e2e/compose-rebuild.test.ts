// A service runs from the image as it is now: `wt up` makes its container anew when the image was built anew, and only then.
import { describe, expect, test } from "bun:test";
import { composeWorld, projectName } from "../support/compose-app.ts";
import { docker, dockerReason } from "../support/docker.ts";

const reason = dockerReason();

const built = (image: string) => ({
  "wt.yaml": `project: ${projectName}\nruntime: compose\n`,
  "compose.yaml": `services:
  web:
    build: .
    init: true
    command: [sleep, "100000"]
  other:
    image: ${image}
    init: true
    command: [sleep, "100000"]
`,
  Dockerfile: `FROM ${image}\nRUN echo first > /made\n`,
});

describe.skipIf(reason !== null)(`images that change${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test("a container is made anew when its image was, and not otherwise", async () => {
    await using compose = await composeWorld(built);
    const { world } = compose;
    await world.ok(["create", "a"]);
    const id = (service: string) => docker("inspect", "--format", "{{.Id}} {{.State.StartedAt}}", `${projectName}-a-${service}-1`);
    const made = () => docker("exec", `${projectName}-a-web-1`, "cat", "/made").trim();
    const before = { web: id("web"), other: id("other") };
    expect(made()).toBe("first");
    await world.ok(["up", "a"]);
    expect({ web: id("web"), other: id("other") }).toEqual(before);

    const { path } = await world.status("a");
    await world.write({ Dockerfile: built(compose.image).Dockerfile.replace("first", "second") }, path);
    await world.ok(["trust", "--yes"], { cwd: path });
    await world.ok(["up", "a"]);
    expect(made()).toBe("second");
    expect(id("other")).toBe(before.other);
    await world.ok(["delete", "a", "--force"]);
  }, 180_000);
});
