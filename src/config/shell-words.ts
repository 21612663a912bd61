// A rough reading of shell command lines, enough to see which programs they name. It errs on the side of seeing more.

export interface SimpleCommand {
  /** Variables set for it alone, `A=1`. */
  assignments: string[];
  /** The program and its arguments, with quotes removed. */
  words: string[];
  /** The operator between it and the next one. */
  after: "&&" | "||" | ";" | "|" | "&" | null;
}

/** The simple commands of a command line, in order. */
export function simpleCommands(text: string): SimpleCommand[] {
  const found: SimpleCommand[] = [];
  let words: string[] = [];
  const end = (after: SimpleCommand["after"]) => {
    const program = words.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word));
    if (program !== -1) found.push({ assignments: words.slice(0, program), words: words.slice(program), after });
    words = [];
  };
  for (const token of tokens(text)) {
    if (token.kind === "operator") end(token.text as SimpleCommand["after"]);
    else words.push(token.text);
  }
  end(null);
  return found;
}

interface Token {
  kind: "word" | "operator";
  text: string;
}

function tokens(text: string): Token[] {
  const found: Token[] = [];
  let word: string | null = null;
  const endWord = () => {
    if (word !== null) found.push({ kind: "word", text: word });
    word = null;
  };
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? "";
    if (character === "'" || character === '"') {
      const close = closing(text, at);
      const inner = text.slice(at + 1, close);
      word = (word ?? "") + (character === '"' ? inner.replace(/\\(["\\$`])/g, "$1") : inner);
      at = close;
    } else if (character === "\\") {
      at += 1;
      if (text[at] !== "\n") word = (word ?? "") + (text[at] ?? "");
    } else if (character === "#" && word === null) {
      at = endOfLine(text, at) - 1;
    } else if (/[ \t\r]/.test(character)) endWord();
    else if (/[;&|\n()`{}]/.test(character) && !isInsideWord(text, at, word)) {
      endWord();
      const double = text.slice(at, at + 2);
      if (double === "&&" || double === "||") at += 1;
      found.push({ kind: "operator", text: double === "&&" || double === "||" ? double : /[|&]/.test(character) ? character : ";" });
    } else word = (word ?? "") + character;
  }
  endWord();
  return found;
}

/** `${PORT}` and `{a,b}` belong to their word, `2>&1` and `>&2` are no operators; `$(` begins a command of its own. */
function isInsideWord(text: string, at: number, word: string | null): boolean {
  const character = text[at];
  if (character === "&") return word !== null && /[<>]$/.test(word);
  if (character === "{") return word !== null || /\S/.test(text[at + 1] ?? "");
  return character === "}" && word !== null;
}

function closing(text: string, open: number): number {
  const quote = text[open];
  for (let at = open + 1; at < text.length; at += 1) {
    if (quote === '"' && text[at] === "\\") at += 1;
    else if (text[at] === quote) return at;
  }
  return text.length;
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end === -1 ? text.length : end;
}

const wrappers = new Set([
  "exec",
  "env",
  "command",
  "nohup",
  "time",
  "nice",
  "sudo",
  "cross-env",
  "cross-env-shell",
  "dotenv",
  "npx",
  "bunx",
  "pnpx",
  "!",
  "then",
  "do",
  "else",
  "if",
  "while",
]);

/** The words from the program that does the work on: `npx cross-env A=1 vite --open` → `vite --open`. */
export function withoutWrappers(words: readonly string[]): string[] {
  let rest = [...words];
  for (;;) {
    const [first = "", second = ""] = rest;
    if (wrappers.has(first)) rest = rest.slice(1);
    else if (["pnpm", "yarn", "npm", "bun"].includes(first) && ["exec", "dlx", "x"].includes(second)) rest = rest.slice(2);
    else return rest;
    const program = rest.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word) && !word.startsWith("-"));
    rest = program === -1 ? [] : rest.slice(program);
  }
}
