// What a client is told whose connection could not wake the server.

/** An error packet in the place of the greeting: "too many connections" is the number that every client expects there. */
export function encodeRefusal(reason: string): Buffer {
  const text = Buffer.from(reason.replaceAll("\0", "").slice(0, 500));
  const head = Buffer.alloc(7);
  head.writeUIntLE(text.length + 3, 0, 3);
  head.writeUInt8(0xff, 4);
  head.writeUInt16LE(1040, 5);
  return Buffer.concat([head, text]);
}
