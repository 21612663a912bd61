import { expect, test } from "bun:test";
import { mountedVolumes } from "./mounted-volumes.ts";
import type { ComposeModel } from "./transform/compose-model.ts";

test("volumes with a name, as the engine knows them", () => {
  const model: ComposeModel = {
    name: "shop-a",
    services: {
      web: {
        image: "web",
        volumes: [
          { type: "volume", source: "media", target: "/media" },
          { type: "volume", source: "cache", target: "/cache" },
          { type: "volume", source: "cache", target: "/more" },
          { type: "volume", target: "/unnamed" },
          { type: "bind", source: "/repo", target: "/app" },
        ],
      },
      job: { image: "job" },
    },
    volumes: { media: { name: "shop-a_media" }, cache: { name: "shop-shared_cache", external: true }, other: { name: "shop-a_other" } },
  };
  expect(mountedVolumes(model, "web")).toEqual(["shop-a_media", "shop-shared_cache"]);
  expect(mountedVolumes(model, "job")).toEqual([]);
  expect(mountedVolumes(model, "absent")).toEqual([]);
});
