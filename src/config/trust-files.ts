// Which words of a command may be script files of the repository.

const shells = new Set(["sh", "bash", "zsh", "dash", "ksh", "source", "."]);
const scriptEnding = /\.(m?js|c?js|cjs|m?ts|cts|tsx|py|rb|sh|bash|zsh|fish|pl|php|lua|ps1|exs?|clj|groovy)$/;
const anyEnding = /\.[A-Za-z0-9]+$/;

/**
 * Paths to look for, seen from the command's directory. `careful`: any word that looks like a script, with the endings an interpreter would add.
 * Otherwise only what the shell itself runs: `./run.sh`, `sh run.sh`.
 */
export function filesNamed(words: readonly string[], careful: boolean): string[] {
  const [program = "", ...others] = words;
  const found = new Set<string>();
  if (program.includes("/")) found.add(program);
  if (shells.has(program)) {
    const script = others.find((word) => !word.startsWith("-"));
    if (script && !others.includes("-c")) found.add(script);
  }
  if (!careful) return [...found];
  for (const [index, word] of others.entries()) {
    if (others[index - 1] === "-m") for (const path of modulePaths(word)) found.add(path);
    for (const part of word.split("=").filter((text) => /^[\w@./+-]+$/.test(text) && !text.startsWith("-"))) {
      if (scriptEnding.test(part)) found.add(part);
      else if (!anyEnding.test(part.replace(/^\.+\//, ""))) for (const path of withEndings(part)) found.add(path);
    }
  }
  return [...found];
}

function modulePaths(module: string): string[] {
  if (!/^[\w.]+$/.test(module)) return [];
  const path = module.replaceAll(".", "/");
  return [`${path}.py`, `${path}/__main__.py`];
}

function withEndings(path: string): string[] {
  return [path, ...[".js", ".mjs", ".cjs", ".ts"].map((ending) => path + ending), `${path}/index.js`];
}
