// The words of a command line as options and arguments, the way `parseArgs` of node:util splits them. That module takes four milliseconds to load,
// a third of what a command may take until its request is out; tokens.test.ts holds this against it.

export type Token =
  | { kind: "positional"; value: string }
  /** `value` is undefined for a flag, and for an option whose value is missing. */
  | { kind: "option"; name: string; rawName: string; value: string | undefined };

export interface TokenOption {
  type: "boolean" | "string" | "number";
  short?: string;
}

export function tokens(argv: readonly string[], options: Readonly<Record<string, TokenOption>>): Token[] {
  const found: Token[] = [];
  const longNames = new Map(Object.entries(options).flatMap(([name, { short }]) => (short ? [[short, name] as const] : [])));
  const takesValue = (name: string) => Object.hasOwn(options, name) && options[name]?.type !== "boolean";
  let index = 0;
  while (index < argv.length) {
    const word = argv[index] ?? "";
    index += 1;
    if (word === "--") return [...found, ...argv.slice(index).map((value): Token => ({ kind: "positional", value }))];
    if (word === "-" || !word.startsWith("-")) found.push({ kind: "positional", value: word });
    else if (word.startsWith("--")) {
      const { name, inline } = longOption(word);
      const value = inline ?? (takesValue(name) ? argv[index++] : undefined);
      found.push({ kind: "option", name, rawName: `--${name}`, value });
    } else {
      for (const { letter, rest } of shortOptions(word, (short) => takesValue(longNames.get(short) ?? short))) {
        const name = longNames.get(letter) ?? letter;
        const value = takesValue(name) ? rest || argv[index++] : undefined;
        found.push({ kind: "option", name, rawName: `-${letter}`, value });
      }
    }
  }
  return found;
}

/** `--name=value`; an equals sign right after the dashes belongs to the name. */
function longOption(word: string): { name: string; inline: string | undefined } {
  const equals = word.indexOf("=", 3);
  return equals < 0 ? { name: word.slice(2), inline: undefined } : { name: word.slice(2, equals), inline: word.slice(equals + 1) };
}

/** `-fn3` is `-f -n 3`: letters up to the first that takes a value, which gets the rest. */
function shortOptions(word: string, takesValue: (letter: string) => boolean): { letter: string; rest: string }[] {
  const letters = [...word.slice(1)];
  const options: { letter: string; rest: string }[] = [];
  for (const [place, letter] of letters.entries()) {
    options.push({ letter, rest: letters.slice(place + 1).join("") });
    if (takesValue(letter)) break;
  }
  return options;
}
