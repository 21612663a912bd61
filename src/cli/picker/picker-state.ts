// The picker as a pure machine: a state, the keys that change it, the entries it shows.
import { type FuzzyMatch, fuzzyMatch } from "./fuzzy-match.ts";

export interface PickerEntry {
  /** Matched against what is typed: the name, and after it other words it may be found by. */
  name: string;
  /** Shown after the name, not matched. */
  note: string;
}

export interface PickerState {
  query: string;
  /** Into `ranked`. */
  selected: number;
  ranked: RankedEntry[];
}

export interface RankedEntry {
  /** Into the entries handed in. */
  index: number;
  match: FuzzyMatch;
}

export type PickerKey =
  | { type: "text"; text: string }
  | { type: "up" | "down" | "page_up" | "page_down" | "first" | "last" }
  | { type: "erase" | "erase_word" | "erase_all" }
  | { type: "accept" | "cancel" };

export type PickerStep = { done: false; state: PickerState } | { done: true; chosen: number | null };

const pageSize = 10;

export function startPicker(entries: readonly PickerEntry[], selected = 0): PickerState {
  return { query: "", selected: Math.max(0, Math.min(selected, entries.length - 1)), ranked: rank(entries, "") };
}

export function reducePicker(entries: readonly PickerEntry[], state: PickerState, key: PickerKey): PickerStep {
  switch (key.type) {
    case "accept": {
      const chosen = state.ranked[state.selected];
      return chosen ? { done: true, chosen: chosen.index } : { done: false, state };
    }
    case "cancel":
      return { done: true, chosen: null };
    case "text":
      return search(entries, state.query + key.text);
    case "erase":
      return search(entries, [...state.query].slice(0, -1).join(""));
    case "erase_word":
      return search(entries, state.query.replace(/\S*\s*$/, ""));
    case "erase_all":
      return search(entries, "");
    default:
      return { done: false, state: { ...state, selected: moved(state, key.type) } };
  }
}

function search(entries: readonly PickerEntry[], query: string): PickerStep {
  return { done: false, state: { query, selected: 0, ranked: rank(entries, query) } };
}

/** Best first; equal ones, and everything without a query, in the order given. */
function rank(entries: readonly PickerEntry[], query: string): RankedEntry[] {
  return entries
    .flatMap((entry, index): RankedEntry[] => {
      const match = fuzzyMatch(query, entry.name);
      return match ? [{ index, match }] : [];
    })
    .toSorted((a, b) => b.match.score - a.match.score || a.index - b.index);
}

/** A single step at an end goes round; a page stops there. */
function moved({ selected, ranked }: PickerState, direction: "up" | "down" | "page_up" | "page_down" | "first" | "last"): number {
  const last = ranked.length - 1;
  if (last < 0) return 0;
  switch (direction) {
    case "up":
      return selected === 0 ? last : selected - 1;
    case "down":
      return selected === last ? 0 : selected + 1;
    case "page_up":
      return Math.max(0, selected - pageSize);
    case "page_down":
      return Math.min(last, selected + pageSize);
    case "first":
      return 0;
    case "last":
      return last;
  }
}
