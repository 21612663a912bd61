// Newline-delimited JSON, the form of every stream of the daemon.

/** The lines of a byte stream, each parsed. Chunk borders may fall anywhere, inside a character too. An unfinished last line is not an item. */
export async function* parseNdjson<Item>(body: ReadableStream<Uint8Array>): AsyncGenerator<Item, void> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = "";
  try {
    while (true) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      let start = 0;
      for (let end = rest.indexOf("\n", start); end >= 0; end = rest.indexOf("\n", start)) {
        const line = rest.slice(start, end).trim();
        start = end + 1;
        if (line !== "") yield JSON.parse(line) as Item;
      }
      rest = rest.slice(start);
    }
  } finally {
    await reader.cancel().catch(ignoreClosed);
  }
}

/** A reader whose connection is gone cannot be cancelled, and need not be. */
function ignoreClosed(): void {
  return;
}
