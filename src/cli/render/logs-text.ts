import type { LogLine } from "../../api/operations.ts";
import type { Paint } from "../paint.ts";

export interface LogFormatOptions {
  paint: Paint;
  /** Lines of another day than this carry their date. */
  nowMs: number;
  /** Keeps the colours that the service itself printed. */
  colour: boolean;
}

/** A line with its time and, in a colour of its own, its service. Labels grow to the widest service seen so far. */
export function createLogFormatter(options: LogFormatOptions): (line: LogLine) => string {
  const { paint } = options;
  const indexes = new Map<string, number>();
  const today = localDate(new Date(options.nowMs));
  let labelWidth = 0;
  return ({ time, service, line }) => {
    const index = indexes.get(service) ?? indexes.size;
    indexes.set(service, index);
    labelWidth = Math.max(labelWidth, Bun.stringWidth(service));
    const label = service + " ".repeat(labelWidth - Bun.stringWidth(service));
    return `${paint.dim(localTime(new Date(time), today))} ${paint.label(label, index)} ${printable(line, options.colour)}\n`;
  };
}

function localTime(time: Date, today: string): string {
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
  const date = localDate(time);
  return `${date === today ? "" : `${date} `}${clock}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}

function localDate(time: Date): string {
  return [time.getFullYear(), time.getMonth() + 1, time.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}

/** A service may print anything; only colours may reach the terminal, never sequences that move the cursor or clear the screen. */
function printable(line: string, colour: boolean): string {
  const clean = line.replace(/\r+$/, "");
  if (!colour) return withoutControls(Bun.stripANSI(clean));
  const parts = clean.split(colourSequence);
  const kept = parts.map((part, index) => (index % 2 === 1 ? part : withoutControls(Bun.stripANSI(part)))).join("");
  return parts.length > 1 ? `${kept}${esc}[0m` : kept;
}

const esc = "\u001b";
/** In a group, so that splitting keeps the sequences at the odd places. */
const colourSequence = new RegExp(`(${esc}\\[[\\d;:]*m)`);

function withoutControls(text: string): string {
  return text.replace(/(?!\t)\p{Cc}/gu, "");
}
