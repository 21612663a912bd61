// The one entry of the program. What a command does not need is not loaded: this file decides before anything else is read.
import { version } from "../package.json";

async function main(argv: string[]): Promise<void> {
  const [first, second] = argv;
  if (argv.length === 1 && (first === "--version" || first === "-V" || first === "version")) {
    await Bun.write(Bun.stdout, `wt ${version}\n`);
    return;
  }
  if (first === "daemon" && second === "run" && !argv.includes("--help") && !argv.includes("-h")) {
    const { runDaemon } = await import("./daemon/main.ts");
    process.exit(await runDaemon(argv.slice(2), process.env));
  }
  if (first === "__complete") {
    const { printCandidates } = await import("./cli/completion/print-candidates.ts");
    await Promise.try(() => printCandidates(argv.slice(second === "--" ? 2 : 1), { env: process.env, cwd: process.cwd() })).catch(
      () => undefined,
    );
    process.exit(0);
  }
  const prompt = first === "prompt" ? promptOptions(argv.slice(1)) : null;
  if (prompt) {
    const { printPrompt } = await import("./cli/prompt/print-prompt.ts");
    // The directory may be gone: then there is no environment either.
    await Promise.try(() => printPrompt(prompt, { env: process.env, cwd: process.cwd() })).catch(() => undefined);
    process.exit(0);
  }
  const { runCli } = await import("./cli/main.ts");
  process.exit(await runCli({ argv, env: process.env, version }));
}

/** What stands in a prompt takes the short way; everything else about `wt prompt` is an ordinary command. */
function promptOptions(words: readonly string[]): { shell: "bash" | "zsh" | "fish" | null; statusline: boolean; json: boolean } | null {
  const [first, second] = words;
  if (words.length === 0) return { shell: null, statusline: false, json: false };
  if (words.length === 1 && first === "--statusline") return { shell: null, statusline: true, json: false };
  const isShell = second === "bash" || second === "zsh" || second === "fish";
  return words.length === 2 && first === "--shell" && isShell ? { shell: second, statusline: false, json: false } : null;
}

// Not a top-level await: the executable is built as bytecode, which does not know it.
main(process.argv.slice(2));
