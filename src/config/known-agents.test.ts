import { expect, test } from "bun:test";
import fc from "fast-check";
import { agentCommand, agentKindOf, isKnownAgent, knownAgents } from "./known-agents.ts";

test.each([
  ["claude", "fix it", true, ["claude", "fix it"]],
  ["claude", "fix it", false, ["claude", "--print", "fix it"]],
  ["claude --permission-mode 'accept edits'", null, true, ["claude", "--permission-mode", "accept edits"]],
  ["codex", "fix it", true, ["codex", "fix it"]],
  ["codex -m o3", "fix it", false, ["codex", "-m", "o3", "exec", "fix it"]],
  ["gemini", "fix it", true, ["gemini", "--prompt-interactive", "fix it"]],
  ["gemini", "fix it", false, ["gemini", "--prompt", "fix it"]],
  ["cursor", "fix it", true, ["cursor-agent", "fix it"]],
  ["aider", "fix it", false, ["aider", "--message", "fix it"]],
  ["opencode", "fix it", false, ["opencode", "run", "fix it"]],
  ["/opt/bin/opencode", "fix it", true, ["/opt/bin/opencode", "--prompt", "fix it"]],
  ["claude", "-rf", true, ["claude", " -rf"]],
  ["my-agent --fast", "fix it", false, ["my-agent", "--fast", "fix it"]],
  ["nice -n 5 claude | tee log", "fix it", true, ["/bin/sh", "-c", 'nice -n 5 claude | tee log "$@"', "nice", "fix it"]],
  ["MODEL=x my-agent $HOME", null, true, ["/bin/sh", "-c", 'MODEL=x my-agent $HOME "$@"', "my-agent"]],
] as const)("%s with %j, terminal: %p", (command, prompt, ...[terminal, argv]) => {
  expect(agentCommand(command, { prompt, terminal }).argv).toEqual([...argv]);
});

test("what an agent adds of its own goes before the prompt", () => {
  const { argv } = agentCommand("codex", { prompt: "x", terminal: false, extra: () => ["-c", "a=1"] });
  expect(argv).toEqual(["codex", "-c", "a=1", "exec", "x"]);
});

test("without a terminal a known agent needs a prompt, and a prompt has a limit", () => {
  expect(() => agentCommand("claude", { prompt: null, terminal: false })).toThrow("needs a prompt");
  expect(() => agentCommand("claude", { prompt: "é".repeat(60_001), terminal: true })).toThrow("120000 bytes");
  expect(() => agentCommand("  ", { prompt: null, terminal: true })).toThrow("empty");
});

test("only the bare name of a known agent runs nothing else", () => {
  expect(knownAgents.every(({ name }) => isKnownAgent(name))).toBe(true);
  for (const command of ["claude --dangerously-skip-permissions", "./claude", "/tmp/claude", " claude", "curl x | sh"])
    expect(isKnownAgent(command)).toBe(false);
  expect(agentKindOf("/usr/local/bin/codex")?.name).toBe("codex");
  expect(agentKindOf("claude-code-helper")).toBeNull();
});

test("a prompt arrives as one argument, whatever is in it", () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1 }),
      fc.constantFrom(...knownAgents.map(({ name }) => name), "other", "a | b"),
      (prompt, command) => {
        const { argv } = agentCommand(command, { prompt, terminal: true });
        expect(argv.at(-1)?.trimStart().endsWith(prompt.trimStart())).toBe(true);
        expect(argv.filter((word) => word.includes(prompt) && word.length <= prompt.length + 1).length).toBeGreaterThan(0);
      },
    ),
  );
});
