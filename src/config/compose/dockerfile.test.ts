import { expect, test } from "bun:test";
import { outlineDockerfile } from "./dockerfile.ts";

const text = `# syntax=docker/dockerfile:1
ARG V=3
FROM --platform=linux/amd64 debian:\${V} AS base
EXPOSE 8000 9000/udp
COPY --chown=a:b docker/entry.sh ./setup.sh /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/entry.sh", "--flag"]
CMD serve

FROM base AS Dev
RUN ./scripts/install.sh && \\
    # a comment in between
    echo done
CMD ["watch", "it"]

FROM scratch
COPY --from=base /x /x
expose 443
`;

test("the last stage is built unless another is asked for", () => {
  expect(outlineDockerfile(text, null)).toMatchObject({ base: "scratch", exposed: [443], commands: [] });
  expect(outlineDockerfile(text, "dev")).toMatchObject({
    base: "debian:${V}",
    exposed: [8000],
    commands: ["/usr/local/bin/entry.sh --flag", "watch it"],
  });
  expect(outlineDockerfile(text, "0")).toMatchObject({ exposed: [8000], commands: ["/usr/local/bin/entry.sh --flag", "serve"] });
  expect(outlineDockerfile(text, "nobody")).toMatchObject({ base: null, exposed: [], commands: [] });
});

test("files that it copies or runs; those of another stage are none", () => {
  expect(outlineDockerfile(text, null).mentioned).toEqual(["docker/entry.sh", "./setup.sh", "./scripts/install.sh", "echo", "done"]);
  expect(outlineDockerfile(text, null).copies).toEqual([
    { from: null, source: "docker/entry.sh", target: "/usr/local/bin" },
    { from: null, source: "./setup.sh", target: "/usr/local/bin" },
    { from: "base", source: "/x", target: "/x" },
  ]);
  const inside = "FROM a\nWORKDIR /srv\nWORKDIR app/\nCOPY . .\nFROM b\nADD --from=lib --chown=a:b x ./y\n";
  expect(outlineDockerfile(inside, null).copies).toEqual([
    { from: null, source: ".", target: "/srv/app" },
    { from: "lib", source: "x", target: "/y" },
  ]);
});

test("what is no Dockerfile says nothing", () => {
  expect(outlineDockerfile("\0\nFROM\nFROM a AS a\nFROM a AS a\nEXPOSE x 0 99999\nCMD [", "a")).toEqual({
    base: "a",
    exposed: [],
    mentioned: [],
    copies: [],
    commands: ["["],
  });
});
