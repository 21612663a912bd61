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
  const { runCli } = await import("./cli/main.ts");
  process.exit(await runCli({ argv, env: process.env, version }));
}

// Not a top-level await: the executable is built as bytecode, which does not know it.
main(process.argv.slice(2));
