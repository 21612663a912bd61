import { expect, test } from "bun:test";
import type { StackObservation } from "../runtime/compose/compose-stack.ts";
import { orphanedMarks, unusedVolumes } from "./gc-stacks.ts";

test("only what no known nonce stands for, by environment", () => {
  const mark = (nonce: string) => ({ environmentId: `env-${nonce}`, nonce });
  const found = {
    containers: [],
    networks: [
      { id: "1", name: "shop-a_default", mark: mark("known"), subnets: [] },
      { id: "2", name: "shop-b_default", mark: mark("lost"), subnets: [] },
    ],
    volumes: [
      { name: "shop-b_media", mark: mark("lost") },
      { name: "shop-c_media", mark: mark("other") },
    ],
    images: [{ id: "sha256:1", tags: [], mark: mark("lost") }],
  };
  expect(orphanedMarks(found, new Set(["known"]))).toEqual([
    { mark: mark("lost"), names: ["shop-b_default", "shop-b_media", "sha256:1"] },
    { mark: mark("other"), names: ["shop-c_media"] },
  ]);
});

test("of the volumes that all share, those that no container has", () => {
  const mark = (nonce: string) => ({ environmentId: "main", nonce });
  const volumes = [
    { name: "shop-shared_data", mark: mark("shared") },
    { name: "shop-shared_cache", mark: mark("shared") },
    { name: "shop-a_media", mark: mark("a") },
  ];
  const containers = [{ volumes: ["shop-shared_data"] }] as unknown as StackObservation["containers"];
  expect(unusedVolumes({ containers, volumes }, new Set(["shared"]))).toEqual(["shop-shared_cache"]);
});
