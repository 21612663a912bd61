// What a driver's tests lend the conformance suite, and the suite's own small tools.
import { test } from "bun:test";
import type {
  ResourceCall,
  ResourceConnection,
  ResourceDriver,
  ResourceFeatures,
  ResourceOptions,
  ResourceSpec,
} from "./resource-driver.ts";

export interface ResourceHarness {
  driver: ResourceDriver;
  /** The next daemon's driver on the same machine; the one before it was closed. */
  reopen(): ResourceDriver;
  /** For an environment of its own that is not the main one; nothing of it exists yet. */
  spec(): Promise<ResourceSpec>;
  /** `ensure` of it must fail, after as much work as possible. */
  brokenSpec(): Promise<ResourceSpec>;
  /** What the caller lends; commands really run where the driver needs them. */
  call(abort: AbortSignal): ResourceCall;
  /** Puts a text into the resource as an app would that knows its connection alone; replaces the one before. Leaves no client behind. */
  write(connection: ResourceConnection, text: string): Promise<void>;
  /** That text; null when there is none (any more). */
  read(connection: ResourceConnection): Promise<string | null>;
  /** A client that stays, as a development server's pool does; gives its end. Only with `cases.clients`. */
  holdClient(connection: ResourceConnection): Promise<() => Promise<void>>;
  /** Something that is not ours stands where the resource would be; gives a check that it is still as it was. */
  makeForeign(spec: ResourceSpec): Promise<() => Promise<boolean>>;
  /** Leaves the resource as a crash in the middle of `ensure` would. */
  makeHalf(spec: ResourceSpec): Promise<void>;
  /** Ends what the case has started and deletes its files; fails when something is left outside the specs' directories. */
  dispose(): Promise<void>;
}

export interface ResourceCases {
  /** What the driver's `features` must say; they decide which cases can be. */
  features: ResourceFeatures;
  /** Whether it has clients that connect and stay. */
  clients: boolean;
  /** Whether `fork` works between two specs of the harness; default false. */
  forks?: boolean;
  valid: ResourceOptions[];
  /** With the key that the first problem must name. */
  invalid: { options: ResourceOptions; key: string }[];
}

/** Skipped with its reason in the name, so that the report says why. */
export function testIf(able: boolean, otherwise: string): (name: string, run: () => Promise<void>) => void {
  return (name, run) => (able ? test(name, run) : test.skip(`${name} (skipped: ${otherwise})`, run));
}

/** Repeats the assertion until it holds; fails with its last error after ten seconds. */
export async function eventually(assertion: () => Promise<void>): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
