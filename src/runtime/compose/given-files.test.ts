import { expect, test } from "bun:test";
import { givenFiles, requireVariables } from "./given-files.ts";
import type { ComposeModel } from "./transform/compose-model.ts";

test("what has its content in the model or the shell is given, at the place the service asks for; files of the host are mounts", () => {
  const model: ComposeModel = {
    name: "p",
    services: {
      web: {
        secrets: [{ source: "token" }, { source: "token", target: "deep/t", mode: "0400", uid: "7", gid: "8" }, { source: "key" }, "unset"],
        configs: [{ source: "site", target: "/etc/site.conf", mode: 288 }, "plain"],
      },
      other: {},
    },
    secrets: { token: { environment: "TOKEN" }, key: { file: "/x/key" }, unset: { environment: "UNSET" } },
    configs: { site: { content: "a: $b\n" }, plain: { environment: "PLAIN" } },
  };
  const owner = { uid: 0, gid: 0 };
  expect(givenFiles(model, "web", { TOKEN: "t0ken", PLAIN: "" })).toEqual([
    { path: "run/secrets/token", content: "t0ken", mode: 0o444, ...owner },
    { path: "run/secrets/deep/t", content: "t0ken", mode: 0o400, uid: 7, gid: 8 },
    { path: "etc/site.conf", content: "a: $b\n", mode: 0o440, ...owner },
    { path: "plain", content: "", mode: 0o444, ...owner },
  ]);
  expect(givenFiles(model, "other", {})).toEqual([]);
  expect(() => requireVariables(model, { TOKEN: "t0ken", PLAIN: "" })).toThrow("needs the variable UNSET for");
  expect(() => requireVariables(model, { TOKEN: "t0ken", PLAIN: "", UNSET: "" })).not.toThrow();
});
