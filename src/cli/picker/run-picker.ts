// The picker on a real terminal: raw keys from stdin, drawn on stderr in the alternate screen, everything put back on every way out.
import { parseKeys } from "./parse-keys.ts";
import { type PickerEntry, type PickerState, reducePicker, startPicker } from "./picker-state.ts";

export interface RunPickerOptions {
  entries: readonly PickerEntry[];
  selected: number;
  /** The whole screen, line by line. */
  draw: (state: PickerState, size: { columns: number; rows: number }) => string[];
  /** Called with a function that draws again when something beside the keys has changed. */
  onRedraw?: (redraw: () => void) => void;
}

const enter = "\u001b[?1049h\u001b[?25l";
const leave = "\u001b[?25h\u001b[?1049l";
const home = "\u001b[H";
const eraseLine = "\u001b[K";
const eraseScreen = "\u001b[2J";

const endings = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;

/** The index of the chosen entry; null when the person left. */
export async function runPicker(options: RunPickerOptions): Promise<number | null> {
  const { entries } = options;
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  const stdin = process.stdin;
  const stderr = process.stderr;
  let state = startPicker(entries, options.selected);

  const draw = () => {
    const lines = options.draw(state, { columns: stderr.columns, rows: stderr.rows });
    stderr.write(`${home}${lines.map((line) => `${line}${eraseLine}`).join("\r\n")}`);
  };
  // What was drawn for the old width has been wrapped by the terminal.
  const onResize = () => {
    stderr.write(eraseScreen);
    draw();
  };
  const onData = (data: Buffer) => {
    for (const key of parseKeys(data.toString("utf8"))) {
      const step = reducePicker(entries, state, key);
      if (step.done) return resolve(step.chosen);
      state = step.state;
    }
    draw();
  };
  const onSignal = () => resolve(null);
  // Also for a crash: `exit` is the last thing that runs, and writing to a terminal is synchronous.
  const restore = () => {
    stdin.setRawMode(false);
    stderr.write(leave);
  };

  process.once("exit", restore);
  for (const name of endings) process.on(name, onSignal);
  stderr.on("resize", onResize);
  stdin.on("data", onData);
  stdin.once("end", onSignal);
  stdin.once("error", reject);
  try {
    stdin.setRawMode(true);
    stdin.resume();
    stderr.write(enter);
    draw();
    options.onRedraw?.(draw);
    return await promise;
  } finally {
    restore();
    process.off("exit", restore);
    for (const name of endings) process.off(name, onSignal);
    stderr.off("resize", onResize);
    stdin.off("data", onData);
    stdin.off("end", onSignal);
    stdin.off("error", reject);
    stdin.pause();
  }
}
