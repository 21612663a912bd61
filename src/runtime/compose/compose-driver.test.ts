import { afterAll, describe, setDefaultTimeout } from "bun:test";
import { busyboxImage, dockerReason, type TestImage } from "../../../test/support/docker.ts";
import { describeRuntimeDriver } from "../runtime-driver.conformance.ts";
import { createComposeHarness } from "./compose-driver.conformance.ts";

// An engine that others use too takes its time.
setDefaultTimeout(60_000);

let image: TestImage | null = null;
afterAll(() => image?.[Symbol.dispose]());

const whyNot = dockerReason();
describe.skipIf(whyNot !== null)(`with real containers${whyNot ? ` (skipped: ${whyNot})` : ""}`, () => {
  describeRuntimeDriver("the compose driver", () => {
    image ??= busyboxImage();
    return createComposeHarness(image.name);
  });
});
