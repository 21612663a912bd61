/**
 * Why a name cannot be a branch's, in words that follow "because"; null when nothing speaks against it. git has the last word
 * (`git check-ref-format --branch`), but it says only that a name is invalid and expands `@{-1}` to another branch.
 */
export function branchNameProblem(name: string): string | null {
  for (const [holds, because] of rules) if (holds(name)) return because;
  return null;
}

/** A loose ref is a file `<name>.lock` while it is written, and file names end at 255 bytes. */
const longestPartBytes = 250;

const rules: [(name: string) => boolean, string][] = [
  [(name) => name === "", "it is empty"],
  [(name) => name.startsWith("-"), "it starts with -, like an option"],
  [(name) => name === "HEAD" || name === "@", "git uses this name itself"],
  [(name) => name.startsWith("refs/"), "it starts with refs/, which is where git keeps branches itself"],
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are meant.
  [(name) => /[\x00-\x1f\x7f]/.test(name), "it has a control character in it"],
  [(name) => /\s/.test(name), "it has a space in it"],
  [(name) => name.includes("@{"), "it has @{ in it"],
  [(name) => name.includes(".."), "it has .. in it"],
  [(name) => /[~^:?*[\\]/.test(name), "it has one of the characters ~ ^ : ? * [ \\ in it"],
  [(name) => name.startsWith("/") || name.endsWith("/") || name.includes("//"), "a part between slashes is empty"],
  [(name) => name.split("/").some((part) => part.startsWith(".")), "a part of it starts with a dot"],
  [(name) => name.endsWith("."), "it ends with a dot"],
  [(name) => name.split("/").some((part) => part.endsWith(".lock")), "a part of it ends with .lock"],
  [(name) => name.split("/").some((part) => Buffer.byteLength(part) > longestPartBytes), "a part of it is longer than 250 bytes"],
];
