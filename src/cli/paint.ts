// Colours by meaning. A disabled paint gives every text back unchanged.

export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  warning(text: string): string;
  bad(text: string): string;
  accent(text: string): string;
  /** One of a few colours that are easy to tell apart; the same for the same index. */
  label(text: string, index: number): string;
  inverse(text: string): string;
}

const labelColours = [36, 33, 35, 32, 34, 96, 93, 95, 92, 94];

export function createPaint(enabled: boolean): Paint {
  const wrap = (open: number, close: number) => (text: string) =>
    enabled && text !== "" ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return {
    bold: wrap(1, 22),
    dim: wrap(2, 22),
    good: wrap(32, 39),
    warning: wrap(33, 39),
    bad: wrap(31, 39),
    accent: wrap(36, 39),
    inverse: wrap(7, 27),
    label: (text, index) => wrap(labelColours[index % labelColours.length] ?? 36, 39)(text),
  };
}
