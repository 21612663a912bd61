import type { PickerKey } from "./picker-state.ts";

const esc = "\u001b";

/** Control characters and sequences as terminals send them; application and normal cursor mode both. */
const named: ReadonlyMap<string, PickerKey["type"]> = new Map([
  [`${esc}[A`, "up"],
  [`${esc}OA`, "up"],
  ["\u0010", "up"],
  ["\u000b", "up"],
  [`${esc}[Z`, "up"],
  [`${esc}[B`, "down"],
  [`${esc}OB`, "down"],
  ["\u000e", "down"],
  ["\t", "down"],
  [`${esc}[5~`, "page_up"],
  [`${esc}[6~`, "page_down"],
  [`${esc}[H`, "first"],
  [`${esc}[1~`, "first"],
  [`${esc}[F`, "last"],
  [`${esc}[4~`, "last"],
  ["\u007f", "erase"],
  ["\b", "erase"],
  ["\u0017", "erase_word"],
  ["\u0015", "erase_all"],
  ["\r", "accept"],
  ["\n", "accept"],
  [esc, "cancel"],
  ["\u0003", "cancel"],
  ["\u0004", "cancel"],
  ["\u0007", "cancel"],
]);

const sequence = new RegExp(`^${esc}(?:\\[[0-9;?<]*[ -/]*[@-~]|O[A-Za-z])`);

/** The keys in one read of the terminal. Unknown sequences are dropped whole, so that no part of them lands in the query. */
export function parseKeys(input: string): PickerKey[] {
  const keys: PickerKey[] = [];
  let rest = input;
  while (rest !== "") {
    const part = rest.match(sequence)?.[0] ?? [...rest][0] ?? "";
    rest = rest.slice(part.length);
    const type = named.get(part);
    if (type !== undefined && type !== "text") keys.push({ type });
    else if (!/^\p{Cc}/u.test(part)) keys.push({ type: "text", text: part });
  }
  return keys;
}
