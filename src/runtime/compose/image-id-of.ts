// The image behind a name, as it is now. Pure.
import type { StackImage } from "./compose-stack.ts";

/** `name` as a model has it, without a tag or with one; engines list it with its tag, and Podman with a registry. */
export function imageIdOf(images: readonly Pick<StackImage, "id" | "tags">[], name: string): string | null {
  const wanted = tagged(name);
  return images.find(({ tags }) => tags.some((tag) => tagged(tag) === wanted))?.id ?? null;
}

function tagged(name: string): string {
  const plain = name.replace(/^localhost\//, "");
  return /:[^/]*$/.test(plain) ? plain : `${plain}:latest`;
}
