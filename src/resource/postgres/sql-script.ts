// Cuts the text of an SQL file (also of a plain pg_dump) into what a server takes one by one. Bytes are carried as latin1 text, so any encoding
// survives. Follows psql: quotes, dollar quotes, nested comments, parentheses, bodies of `BEGIN ATOMIC`, COPY data, backslash commands.

export type ScriptPart =
  | { kind: "statement"; text: string; line: number }
  /** `COPY … FROM stdin;` whose data follows as `data` parts, then `dataEnd`. */
  | { kind: "copy"; text: string; line: number }
  | { kind: "data"; text: string }
  | { kind: "dataEnd" }
  /** A command to psql, such as `\connect app`. */
  | { kind: "command"; text: string; line: number };

export interface ScriptCutter {
  /** The parts that are complete with this line (which keeps its line end). */
  line(text: string): ScriptPart[];
  end(): ScriptPart[];
}

interface State {
  text: string;
  startLine: number;
  /** Inside of: "'" string, "e" string with backslashes, '"' name, a dollar tag, a comment; "" outside. */
  inside: string;
  commentDepth: number;
  parens: number;
  /** `CREATE FUNCTION … BEGIN ATOMIC … END` holds semicolons. */
  begins: number;
  word: string;
}

const fresh = (): State => ({ text: "", startLine: 0, inside: "", commentDepth: 0, parens: 0, begins: 0, word: "" });

export function createScriptCutter(): ScriptCutter {
  let state = fresh();
  let number = 0;
  let copying = false;
  const finish = (parts: ScriptPart[]) => {
    const text = state.text.trim();
    const line = state.startLine;
    state = fresh();
    if (!hasContent(text)) return;
    if (/^COPY\s[\s\S]*\sFROM\s+STDIN\b/i.test(withoutComments(text))) {
      copying = true;
      parts.push({ kind: "copy", text, line });
    } else parts.push({ kind: "statement", text, line });
  };
  return {
    line(text) {
      number++;
      const parts: ScriptPart[] = [];
      if (copying) {
        copying = !/^\\\.\r?\n?$/.test(text);
        parts.push(copying ? { kind: "data", text } : { kind: "dataEnd" });
        return parts;
      }
      if (state.inside === "" && text.startsWith("\\") && !hasContent(state.text)) {
        state = fresh();
        parts.push({ kind: "command", text: text.trim(), line: number });
        return parts;
      }
      for (let at = 0; at < text.length; ) {
        if (state.startLine === 0 && text.slice(at).trim() !== "") state.startLine = number;
        const ended = step(state, text, at);
        state.text += text.slice(at, ended.at);
        at = ended.at;
        if (!ended.statement) continue;
        finish(parts);
        // What follows `COPY … FROM stdin;` on its line is not data.
        if (copying) break;
      }
      return parts;
    },
    end() {
      const parts: ScriptPart[] = [];
      if (copying) parts.push({ kind: "dataEnd" });
      copying = false;
      finish(parts);
      copying = false;
      return parts;
    },
  };
}

/** Takes the next token in; gives where it ends and whether the statement ends with it. */
function step(state: State, text: string, at: number): { at: number; statement: boolean } {
  const next = (to: number, statement = false) => ({ at: to, statement });
  const { inside } = state;
  if (inside === "/*") return next(stepComment(state, text, at));
  if (inside !== "") {
    if (inside === "e" && text[at] === "\\") return next(Math.min(at + 2, text.length));
    const closing = inside === "e" ? "'" : inside;
    if (!text.startsWith(closing, at)) return next(at + 1);
    // A doubled quote leaves and enters again, which comes to the same.
    state.inside = "";
    return next(at + closing.length);
  }
  const char = text[at] ?? "";
  const word = /^[A-Za-z_\x80-\xff][\w$\x80-\xff]*/.exec(text.slice(at, at + 128))?.[0];
  if (word) {
    countBegins(state, word.toUpperCase());
    const afterE = word.toUpperCase() === "E" && text[at + 1] === "'";
    if (afterE) state.inside = "e";
    return next(at + word.length + (afterE ? 1 : 0));
  }
  if (char === "'" || char === '"') state.inside = char;
  else if (text.startsWith("--", at)) return next(text.length);
  else if (text.startsWith("/*", at)) return next(stepComment(state, text, at));
  else if (char === "(") state.parens++;
  else if (char === ")") state.parens = Math.max(0, state.parens - 1);
  else if (char === ";" && state.parens === 0 && state.begins === 0) return next(at + 1, true);
  else if (char === "$") {
    const tag = /^\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$/.exec(text.slice(at, at + 128))?.[0];
    if (tag) state.inside = tag;
    return next(at + (tag?.length ?? 1));
  } else if (/\d/.test(char)) {
    // `1$$`: a dollar sign inside of a number or parameter begins no quote.
    return next(at + (/^[\d.]+/.exec(text.slice(at, at + 128))?.[0].length ?? 1));
  }
  return next(at + 1);
}

function stepComment(state: State, text: string, at: number): number {
  if (text.startsWith("/*", at)) state.commentDepth++;
  else if (text.startsWith("*/", at)) state.commentDepth--;
  else return at + 1;
  state.inside = state.commentDepth > 0 ? "/*" : "";
  return at + 2;
}

function countBegins(state: State, word: string): void {
  if (
    state.begins === 0 &&
    word === "BEGIN" &&
    /^\s*CREATE\s+(OR\s+REPLACE\s+)?(FUNCTION|PROCEDURE)\b/i.test(withoutComments(state.text))
  ) {
    state.begins = 1;
  } else if (state.begins > 0 && (word === "CASE" || word === "BEGIN")) state.begins++;
  else if (state.begins > 0 && word === "END") state.begins--;
}

function hasContent(text: string): boolean {
  return withoutComments(text).replaceAll(";", "").trim() !== "";
}

/** The text from its first word on. */
export function withoutComments(text: string): string {
  return text.replace(/^(\s*(--[^\n]*(\n|$)|\/\*[\s\S]*?\*\/))*\s*/, "");
}
