// Where one statement ends and the next begins, as far as a prompt has to know it. No I/O.

export type Dialect = "postgres" | "mysql" | "sqlite";

export interface SplitSql {
  /** Whole statements, without the semicolon and without the blanks around them. */
  statements: string[];
  /** What was begun and not ended; blank when nothing was. */
  rest: string;
  /** Where `rest` stops in the middle; null between words. */
  inside: "string" | "comment" | "body" | null;
}

/** A semicolon ends a statement unless it stands in a string, a quoted name, a comment or the body of a function or trigger. */
export function splitSql(text: string, dialect: Dialect): SplitSql {
  const statements: string[] = [];
  let start = 0;
  let words: Words = noWords;
  let index = 0;
  while (index < text.length) {
    const skipped = skipQuoted(text, index, dialect);
    if (skipped !== null) {
      if (skipped.end === null) return { statements, rest: text.slice(start), inside: skipped.inside };
      index = skipped.end;
      continue;
    }
    const word = wordAt(text, index);
    if (word !== "") {
      words = afterWord(words, word.toLowerCase());
      index += word.length;
      continue;
    }
    if (text[index] === ";" && words.depth === 0) {
      const statement = text.slice(start, index).trim();
      if (statement !== "") statements.push(statement);
      start = index + 1;
      words = noWords;
    }
    index += 1;
  }
  return { statements, rest: text.slice(start), inside: words.depth > 0 ? "body" : null };
}

/** Whether there is something to run: more than blanks and comments. */
export function isBlankSql(text: string, dialect: Dialect): boolean {
  let index = 0;
  while (index < text.length) {
    const comment = skipComment(text, index, dialect);
    if (comment) {
      if (comment.end === null) return true;
      index = comment.end;
    } else if (/\s|;/.test(text[index] ?? "")) index += 1;
    else return false;
  }
  return true;
}

interface Words {
  /** The first words, by which a statement with a body is known. */
  first: readonly string[];
  hasBody: boolean;
  /** Open `begin` and `case` of the body. */
  depth: number;
}

const noWords: Words = { first: [], hasBody: false, depth: 0 };
/** `create or replace temporary trigger`: the kind stands among the first few words. */
const wordsBeforeKind = 5;

function afterWord(words: Words, word: string): Words {
  const first = words.first.length < wordsBeforeKind ? [...words.first, word] : words.first;
  const isKind = word === "function" || word === "procedure" || word === "trigger";
  const hasBody = words.hasBody || (first !== words.first && first[0] === "create" && isKind);
  if (!hasBody) return { first, hasBody, depth: 0 };
  const opens = word === "begin" || (word === "case" && words.depth > 0);
  const closes = word === "end" && words.depth > 0;
  return { first, hasBody, depth: words.depth + (opens ? 1 : 0) - (closes ? 1 : 0) };
}

function wordAt(text: string, index: number): string {
  sticky.lastIndex = index;
  return sticky.exec(text)?.[0] ?? "";
}

const sticky = /[\p{L}_][\p{L}\p{N}_$]*|\p{N}+/uy;

interface Skipped {
  /** After it; null: it does not end. */
  end: number | null;
  inside: "string" | "comment";
}

function skipQuoted(text: string, index: number, dialect: Dialect): Skipped | null {
  const comment = skipComment(text, index, dialect);
  if (comment) return comment;
  const char = text[index] ?? "";
  const closed = (quote: string, from: number, escapes: boolean): Skipped => ({
    end: endOfQuoted(text, { quote, from, escapes }),
    inside: "string",
  });
  if (char === "'") return closed("'", index + 1, dialect === "mysql");
  if (char === '"') return closed('"', index + 1, dialect === "mysql");
  if (char === "`" && dialect !== "postgres") return closed("`", index + 1, false);
  if (char === "[" && dialect === "sqlite") return closed("]", index + 1, false);
  if (dialect !== "postgres") return null;
  if (/[eE]/.test(char) && text[index + 1] === "'") return closed("'", index + 2, true);
  return char === "$" ? skipDollars(text, index) : null;
}

function skipDollars(text: string, index: number): Skipped | null {
  const tag = /^\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$/u.exec(text.slice(index, index + 80))?.[0];
  if (!tag) return null;
  const end = text.indexOf(tag, index + tag.length);
  return { end: end === -1 ? null : end + tag.length, inside: "string" };
}

function skipComment(text: string, index: number, dialect: Dialect): Skipped | null {
  const two = text.slice(index, index + 2);
  if (two === "--" || (dialect === "mysql" && text[index] === "#")) {
    const end = text.indexOf("\n", index);
    return { end: end === -1 ? text.length : end + 1, inside: "comment" };
  }
  if (two !== "/*") return null;
  let depth = 1;
  for (let at = index + 2; at < text.length; at++) {
    const pair = text.slice(at, at + 2);
    if (pair === "*/") {
      depth -= 1;
      at += 1;
      if (depth === 0) return { end: at + 1, inside: "comment" };
    } else if (pair === "/*" && dialect === "postgres") {
      depth += 1;
      at += 1;
    }
  }
  return { end: null, inside: "comment" };
}

/** A doubled quote stands for itself; with `escapes` so does a quote after a backslash. */
function endOfQuoted(text: string, { quote, from, escapes }: { quote: string; from: number; escapes: boolean }): number | null {
  for (let index = from; index < text.length; index++) {
    if (escapes && text[index] === "\\") index += 1;
    else if (text[index] === quote && text[index + 1] === quote && quote !== "]") index += 1;
    else if (text[index] === quote) return index + 1;
  }
  return null;
}
