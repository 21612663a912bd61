// Loaded before all tests (`bunfig.toml`). A test whose time is over goes on beside its next attempt, and its `await using` may never come to the end:
// what it holds is given up right when it is.
import { afterEach, beforeEach } from "bun:test";
import { testBegins, testEnds } from "./held-in-test.ts";

beforeEach(testBegins);
afterEach(testEnds, 2 * 60_000);
