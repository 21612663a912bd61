// SQLite's SQL cut into tokens, as far as comparing definitions and running a script need it. Pure.

export interface Token {
  kind: "word" | "quoted" | "sign" | "space" | "comment";
  text: string;
}

const pattern =
  /(?<comment>--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|(?<space>\s+)|(?<quoted>'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\[[^\]]*(?:\]|$))|(?<word>[\p{L}\p{N}_$@#:]+)|(?<sign>[<>=!|&~+*/%-]+?(?=--|\/\*|[^<>=!|&~+*/%-]|$)|[\s\S])/uy;

/** Nothing is lost: the texts of all tokens are the text. */
export function* sqlTokens(sql: string): Generator<Token, void> {
  const reader = new RegExp(pattern);
  for (let match = reader.exec(sql); match; match = reader.exec(sql)) {
    for (const kind of ["comment", "space", "quoted", "word", "sign"] as const) {
      if (match.groups?.[kind] !== undefined) yield { kind, text: match[0] };
    }
    if (reader.lastIndex >= sql.length) return;
  }
}

/** The same text for what differs in space, comments and line breaks alone. */
export function plainSql(tokens: Iterable<Token>): string {
  let text = "";
  let last = "";
  for (const token of tokens) {
    if (token.kind === "space" || token.kind === "comment") continue;
    const tight =
      last === "" || last === "(" || last === "." || /^[),.(;]$/.test(token.text) || (/^x$/i.test(last) && token.text.startsWith("'"));
    text += tight ? token.text : ` ${token.text}`;
    last = token.text;
  }
  return text;
}

/**
 * Cuts a script into statements as it is read; `add` gives those that are whole by now with the space before them, `end` what is left. The `;`
 * inside of a trigger's body ends no statement.
 */
export function createStatementCutter(): { add: (text: string) => string[]; end: () => string } {
  let open = "";
  return {
    add(text) {
      open += text;
      // Only a semicolon can end one, and the last token may go on in the next piece.
      if (!text.includes(";")) return [];
      const { statements, rest } = cut(open);
      open = rest;
      return statements;
    },
    end: () => open,
  };
}

function cut(text: string): { statements: string[]; rest: string } {
  const statements: string[] = [];
  let words: string[] = [];
  let depth = 0;
  let from = 0;
  let at = 0;
  for (const token of sqlTokens(text)) {
    at += token.text.length;
    if (token.kind === "word") {
      const word = token.text.toUpperCase();
      if (words.length < 4) words.push(word);
      if (isTrigger(words)) depth += word === "BEGIN" || word === "CASE" ? 1 : word === "END" ? -1 : 0;
    }
    if (token.kind !== "sign" || token.text !== ";" || depth > 0) continue;
    statements.push(text.slice(from, at));
    from = at;
    words = [];
    depth = 0;
  }
  return { statements, rest: text.slice(from) };
}

function isTrigger(words: readonly string[]): boolean {
  if (words[0] !== "CREATE") return false;
  return words[1] === "TRIGGER" || (/^TEMP(ORARY)?$/.test(words[1] ?? "") && words[2] === "TRIGGER");
}
