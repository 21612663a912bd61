import { expect, test } from "bun:test";
import { imageIdOf } from "./image-id-of.ts";

test.each([
  ["p-web", "p-web:latest", true],
  ["p-web", "localhost/p-web:latest", true],
  ["p-web:wt", "p-web:wt", true],
  ["p-web", "p-web:old", false],
  ["p-web", "p-web-admin:latest", false],
  ["p-web", "other/p-web:latest", false],
  ["localhost:5000/p-web", "localhost:5000/p-web:latest", true],
])("%s is the image %s: %p", (name, tag, isOne) => {
  const images = [
    { id: "sha256:none", tags: [] },
    { id: "sha256:one", tags: ["p-other:latest", tag] },
  ];
  expect(imageIdOf(images, name)).toBe(isOne ? "sha256:one" : null);
});
