import { describe, expect, test } from "bun:test";
import type { IsolationTry } from "../api/isolation.ts";
import { isolationFindings, judgeConnect, judgeLogin, judgeName, judgePublished, judgeUnknownHost } from "./isolation-judgement.ts";

describe("a name", () => {
  const foreign = ["10.0.0.2"];
  test.each([
    ["leads to the other's container", { found: ["10.0.0.9", "10.0.0.2"], control: true }, "reached"],
    ["leads there though the control failed", { found: ["10.0.0.2"], control: false }, "reached"],
    ["leads to one of its own", { found: ["10.0.0.9"], control: true }, "separate"],
    ["leads nowhere", { found: [], control: true }, "separate"],
    ["leads nowhere, and neither do its own", { found: [], control: false }, "not tried"],
    ["cannot be looked up", { found: null, control: true }, "not tried"],
  ] as const)("%s", (_, answers, outcome) => {
    expect(judgeName({ ...answers, foreign }).outcome).toBe(outcome);
  });
});

describe("a connection", () => {
  test.each([
    [{ open: true, control: false, alive: false }, "reached"],
    [{ open: false, control: true, alive: true }, "separate"],
    [{ open: false, control: true, alive: false }, "not tried"],
    [{ open: false, control: false, alive: true }, "not tried"],
    [{ open: null, control: true, alive: true }, "not tried"],
  ] as const)("%j is %s", (answers, outcome) => {
    expect(judgeConnect(answers).outcome).toBe(outcome);
  });
});

test.each([
  ["127.0.0.1", "separate"],
  ["::1", "separate"],
  ["0.0.0.0", "reached"],
  ["", "reached"],
  ["192.168.1.4", "reached"],
] as const)("a port published on '%s' is %s", (address, outcome) => {
  expect(judgePublished(address).outcome).toBe(outcome);
});

test.each([
  [421, "separate"],
  [200, "reached"],
  [502, "reached"],
  [null, "not tried"],
] as const)("an unknown host that gets %p is %s", (status, outcome) => {
  expect(judgeUnknownHost(status).outcome).toBe(outcome);
});

describe("a login", () => {
  const refused = { let: false, refused: true, message: "password authentication failed." } as const;
  const silent = { let: false, refused: false, message: "connection refused." } as const;
  test.each([
    ["is let in", { sharedOnPurpose: false, byNumber: false, own: null, other: { let: true } }, "reached"],
    ["is let in where its owner is not", { sharedOnPurpose: false, byNumber: false, own: "no", other: { let: true } }, "reached"],
    ["is refused", { sharedOnPurpose: false, byNumber: false, own: null, other: refused }, "separate"],
    ["is refused, and so is the owner", { sharedOnPurpose: false, byNumber: false, own: "no", other: refused }, "not tried"],
    ["gets no answer", { sharedOnPurpose: false, byNumber: false, own: null, other: silent }, "not tried"],
    ["is everybody's", { sharedOnPurpose: true, byNumber: false, own: null, other: { let: true } }, "not tried"],
    ["is apart by number", { sharedOnPurpose: false, byNumber: true, own: null, other: { let: true } }, "not tried"],
  ] as const)("%s", (_, answers, outcome) => {
    expect(judgeLogin(answers).outcome).toBe(outcome);
  });
});

describe("findings", () => {
  const one = (change: Partial<IsolationTry>): IsolationTry => ({
    ...{ from: "a", to: "b", way: "network", at: "shop-a-web-1", target: "10.0.0.2:8000", outcome: "separate", detail: "It is." },
    ...change,
  });

  test("name the first thing reached on each way between two, and the command", () => {
    const tries = [
      one({}),
      one({ outcome: "reached", detail: "It accepted a connection." }),
      one({ outcome: "reached", target: "10.0.0.3:80" }),
      one({ outcome: "reached", from: "b", to: "a" }),
    ];
    const findings = isolationFindings(tries, ({ from }) => `mend ${from}`);
    expect(findings.map(({ fix }) => fix)).toEqual(["mend a", "mend b"]);
    expect(findings[0]).toMatchObject({ code: "isolation_network", level: "error" });
    expect(findings[0]?.message).toBe(
      "a reaches b by network: 10.0.0.2:8000, tried from shop-a-web-1. It accepted a connection. So did 1 more.",
    );
  });

  test("say how many tries led nowhere, and how many could not be made", () => {
    const [finding, ...more] = isolationFindings([one({}), one({ outcome: "not tried" })], () => "");
    expect(more).toEqual([]);
    expect(finding).toMatchObject({ level: "ok", fix: null });
    expect(finding?.message).toContain("1 could not be made");
  });

  test("say of each way between two on which nothing could be tried that nobody knows; what is looked at from outside is no try of it", () => {
    const published = one({ way: "port", at: "this machine" });
    const untried = { outcome: "not tried", detail: "The image has nothing that opens connections." } as const;
    const written = { outcome: "not tried", detail: "Everybody uses the same one, as wt.yaml says." } as const;
    const tries = [
      one({ from: "b", to: "a" }),
      one(untried),
      published,
      one({ ...untried, way: "port" }),
      one({ ...written, way: "database" }),
    ];
    const findings = isolationFindings(tries, () => "");
    expect(findings.map(({ code, level }) => `${level} ${code}`)).toEqual([
      "warning isolation_network_untried",
      "warning isolation_port_untried",
      "ok isolation",
    ]);
    expect(findings[0]?.message).toBe(
      "Whether a reaches b by network is not known: nothing could be tried, such as 10.0.0.2:8000 from shop-a-web-1. The image has nothing that opens connections.",
    );
  });

  test("call it no success when nothing could be tried", () => {
    expect(isolationFindings([one({ outcome: "not tried" })], () => "")).toMatchObject([{ level: "warning" }]);
  });
});
