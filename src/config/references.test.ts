import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { WtError } from "../errors/wt-error.ts";
import { resolveCommandReferences } from "./command-references.ts";
import { findReferences, type ReferenceLookup, resolveReferences } from "./references.ts";

const lookup: ReferenceLookup = (target) => {
  if (target.kind === "env") return `env-${target.key}`;
  return target.name === "nothing" ? null : `${target.kind}-${target.name}-${target.key}`;
};

test("finds every kind, with its place", () => {
  const text = "a ${{ services.api.public_url }} b ${{env.slug}} ${{ resources.db.url }}";
  expect(findReferences(text)).toEqual([
    { kind: "service", name: "api", key: "public_url", text: "${{ services.api.public_url }}", start: 2, end: 32 },
    { kind: "env", key: "slug", text: "${{env.slug}}", start: 35, end: 48 },
    { kind: "resource", name: "db", key: "url", text: "${{ resources.db.url }}", start: 49, end: 72 },
  ]);
});

test.each([
  ["${{ env.slug }}-x", "env-slug-x"],
  ["$PORT ${HOME} $${{ env.slug }} {{ x }}", "$PORT ${HOME} ${{ env.slug }} {{ x }}"],
  ["${{ services.a.url }}${{ services.a.port }}", "service-a-urlservice-a-port"],
  ["$$${{ env.id }}", "$${{ env.id }}"],
  ["", ""],
])("%s resolves", (text, value) => {
  expect(resolveReferences(text, lookup)).toBe(value);
});

test.each([
  ["${{ env.slag }}", 'env has no "slag"'],
  ["${{ services.a }}", '"services.a" is not a reference'],
  ["${{ services.a.prot }}", 'a service has no "prot"'],
  ["${{ secrets.TOKEN }}", "is not a reference"],
  ["${{ env.slug", "is not closed"],
  ["${{ }}", "is not a reference"],
  ["${{ services.nothing.port }}", "has no value here"],
])("%s is an error that names the key", (text, part) => {
  const failed = () => resolveReferences(text, lookup, "services.web.env.X");
  expect(failed).toThrow(part);
  expect(failed).toThrow(/^services\.web\.env\.X .*\.$/);
  expect(failed).toThrow(WtError);
});

test("finding and resolving never throw anything but WtError", () => {
  const parts = fc.array(fc.constantFrom("$", "${{", "}}", " ", "env.slug", "services.a.url", "x", "\n"), { maxLength: 12 });
  fc.assert(
    fc.property(parts, (pieces) => {
      const text = pieces.join("");
      const invalid = findReferences(text).some((reference) => reference.kind === "invalid");
      try {
        resolveReferences(text, lookup);
        expect(invalid).toBe(false);
      } catch (error) {
        expect(error).toBeInstanceOf(WtError);
        expect(invalid).toBe(true);
      }
    }),
  );
});

const templates = [
  "printf %s ${{ env.branch }}",
  'printf %s "${{ env.branch }}"',
  "printf %s '${{ env.branch }}'",
  'printf %s "a \\" b"\'c\'${{ env.branch }}',
  "printf %s x${{ env.branch }}",
  "printf %s \\x${{ env.branch }}",
  "printf %s \\\\${{ env.branch }}",
];
const before = ["", "", "", 'a " bc', "x", "x", "\\"];

test("a value never becomes syntax of the command", () => {
  const nasty = fc.array(fc.constantFrom("a", "'", '"', "$(exit 9)", "`exit 9`", ";", "\\", " ", "*", "#", "|", "&", "$HOME", "-", "ü"), {
    maxLength: 5,
  });
  fc.assert(
    fc.property(nasty, fc.nat(templates.length - 1), (pieces, index) => {
      const value = pieces.join("");
      const command = resolveCommandReferences(templates[index]!, () => value);
      const run = Bun.spawnSync(["sh", "-c", command], { env: { HOME: "/nowhere", PATH: process.env.PATH ?? "" } });
      expect(run.stdout.toString()).toBe(before[index] + value);
    }),
    { numRuns: 80 },
  );
}, 30_000);

test("two values in one command stay apart", () => {
  const command = resolveCommandReferences('printf "%s|%s" "${{ env.branch }}" ${{ env.branch }}', () => `a"'$(x)`);
  expect(Bun.spawnSync(["sh", "-c", command]).stdout.toString()).toBe(`a"'$(x)|a"'$(x)`);
});

test.each([
  "echo $(cat ${{ env.branch }})",
  "echo \\${{ env.branch }}",
  "cat <<E\n${{ env.branch }}\nE",
  "echo $'${{ env.branch }}'",
  "echo `x ${{ env.branch }}`",
])("%s refuses a value that would need quotes, and takes a plain one", (command) => {
  expect(() => resolveCommandReferences(command, () => "a;b", "services.web.run")).toThrow("services.web.run puts ${{ env.branch }} where");
  expect(resolveCommandReferences(command, () => "feature/ü-1.2")).toContain("feature/ü-1.2");
});
