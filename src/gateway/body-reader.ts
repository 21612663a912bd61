// Finds where a message's body ends without changing a byte of it. Pure, apart from the reader's own position.
import { type Framing, MalformedHttp } from "./http-head.ts";

/** The position inside one body. */
export interface BodyReader {
  readonly kind: Framing["kind"];
  done: boolean;
  /** Bytes of the body (`length`) or of the current chunk that are still to come. */
  left: number;
  state: ChunkState;
  /** Bytes of the current size line or of the trailers so far. */
  lineBytes: number;
  digits: number;
}

type ChunkState = "size" | "extension" | "size_lf" | "data" | "data_cr" | "data_lf" | "line_start" | "trailer" | "trailer_lf" | "end_lf";

export function bodyReader(framing: Framing): BodyReader {
  const left = framing.kind === "length" ? framing.length : 0;
  const done = framing.kind === "none" || (framing.kind === "length" && left === 0);
  return { kind: framing.kind, done, left, state: "size", lineBytes: 0, digits: 0 };
}

/**
 * Reads `bytes` from `from` on and returns where the body's part of them ends; `reader.done` tells whether that is the end of the body.
 * Throws `MalformedHttp` (400) on chunks that are not exactly as the standard writes them.
 */
export function readBody(reader: BodyReader, bytes: Uint8Array, from: number): number {
  if (reader.done) return from;
  if (reader.kind === "close") return bytes.length;
  if (reader.kind === "chunked") return readChunks(reader, bytes, from);
  const end = Math.min(bytes.length, from + reader.left);
  reader.left -= end - from;
  reader.done = reader.left === 0;
  return end;
}

function readChunks(reader: BodyReader, bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && !reader.done) {
    if (reader.state === "data") {
      const taken = Math.min(reader.left, bytes.length - at);
      reader.left -= taken;
      at += taken;
      if (reader.left === 0) reader.state = "data_cr";
    } else {
      readControlByte(reader, bytes[at] ?? 0);
      at++;
    }
  }
  return at;
}

const cr = 13;
const lf = 10;
/** 13 hex digits stay below 2^53. */
const maxDigits = 13;
const maxLineBytes = 16 * 1024;
const maxTrailerBytes = 64 * 1024;

function readControlByte(reader: BodyReader, byte: number): void {
  switch (reader.state) {
    case "size":
      readSizeByte(reader, byte);
      return;
    case "extension":
      if (byte === cr) reader.state = "size_lf";
      else countText(reader, byte, maxLineBytes);
      return;
    case "size_lf":
      expectByte(byte, lf);
      reader.lineBytes = 0;
      reader.digits = 0;
      reader.state = reader.left === 0 ? "line_start" : "data";
      return;
    case "data_cr":
      expectByte(byte, cr);
      reader.state = "data_lf";
      return;
    case "data_lf":
      expectByte(byte, lf);
      reader.state = "size";
      return;
    default:
      readTrailerByte(reader, byte);
  }
}

function readSizeByte(reader: BodyReader, byte: number): void {
  const digit = hexDigit(byte);
  if (digit >= 0) {
    reader.left = reader.left * 16 + digit;
    if (++reader.digits > maxDigits) throw malformed();
  } else if (reader.digits > 0 && byte === cr) {
    reader.state = "size_lf";
  } else if (reader.digits > 0 && byte === 0x3b) {
    reader.state = "extension";
  } else {
    throw malformed();
  }
}

function readTrailerByte(reader: BodyReader, byte: number): void {
  if (reader.state === "end_lf") {
    expectByte(byte, lf);
    reader.done = true;
  } else if (reader.state === "trailer_lf") {
    expectByte(byte, lf);
    reader.state = "line_start";
  } else if (byte === cr) {
    reader.state = reader.state === "line_start" ? "end_lf" : "trailer_lf";
  } else {
    // A folded line, or one without a name, would begin with one of these.
    if (reader.state === "line_start" && (byte === 0x20 || byte === 0x09 || byte === 0x3a)) throw malformed();
    countText(reader, byte, maxTrailerBytes);
    reader.state = "trailer";
  }
}

function countText(reader: BodyReader, byte: number, limit: number): void {
  if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f || ++reader.lineBytes > limit) throw malformed();
}

function expectByte(byte: number, wanted: number): void {
  if (byte !== wanted) throw malformed();
}

function malformed(): MalformedHttp {
  return new MalformedHttp(400, "The chunked body is malformed.");
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
