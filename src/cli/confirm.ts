import type { Context } from "./command.ts";

/** Whether a person sits in front of this command and can be asked. */
export function canAsk({ terminal, json }: Pick<Context, "terminal" | "json">): boolean {
  return terminal.stdinIsTty && terminal.stderrIsTty && !json;
}

/** Asks on stderr; everything but a clear yes is a no. */
export async function confirm(context: Pick<Context, "terminal">, question: string): Promise<boolean> {
  await context.terminal.err(`${question} [y/N] `);
  const answer = await readLine();
  if (answer === null) await context.terminal.err("\n");
  return /^\s*(y|yes)\s*$/i.test(answer ?? "");
}

/** A line from the terminal; null at its end (Ctrl-D). */
async function readLine(): Promise<string | null> {
  const reader = Bun.stdin.stream().getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    while (!text.includes("\n")) {
      const { value, done } = await reader.read();
      if (done) return text === "" ? null : text;
      text += decoder.decode(value, { stream: true });
    }
    return text.slice(0, text.indexOf("\n"));
  } finally {
    await reader.cancel();
  }
}
