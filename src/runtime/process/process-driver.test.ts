import { describeRuntimeDriver } from "../runtime-driver.conformance.ts";
import { createProcessHarness } from "./process-driver.conformance.ts";

describeRuntimeDriver("the process driver", () => createProcessHarness());
