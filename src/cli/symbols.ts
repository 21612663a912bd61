/** The few signs beyond letters that output uses, with a form for terminals that know only ASCII. */
export interface Symbols {
  done: string;
  failed: string;
  skipped: string;
  arrow: string;
  ellipsis: string;
  bar: string;
  current: string;
  spinner: readonly string[];
}

const unicodeSymbols: Symbols = {
  done: "✓",
  failed: "✗",
  skipped: "–",
  arrow: "→",
  ellipsis: "…",
  bar: "│",
  current: "●",
  spinner: ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"],
};

const asciiSymbols: Symbols = {
  done: "ok",
  failed: "x",
  skipped: "-",
  arrow: "->",
  ellipsis: "..",
  bar: "|",
  current: "*",
  spinner: ["-", "\\", "|", "/"],
};

export function symbolsFor(unicode: boolean): Symbols {
  return unicode ? unicodeSymbols : asciiSymbols;
}
