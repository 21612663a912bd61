// The shells' side of completion: each hands the words so far to `wt __complete` and shows the lines it gets back.
// A line is `candidate<TAB>description`; the words before the cursor come as arguments, the last one being completed.
import bash from "./scripts/completion.bash" with { type: "text" };
import fish from "./scripts/completion.fish" with { type: "text" };
import zsh from "./scripts/completion.zsh" with { type: "text" };
import type { Shell } from "./shells.ts";

const scripts: Record<Shell, string> = { bash, zsh, fish };

export function completionScript(shell: Shell): string {
  return scripts[shell];
}
