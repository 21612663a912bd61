// What a client is told whose connection could not wake the server.

/** ErrorResponse of the protocol: severity, SQLSTATE "cannot connect now", text. */
export function errorMessage(reason: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C57P03\0M${reason.replaceAll("\0", "")}\0\0`);
  const head = Buffer.alloc(5);
  head.write("E", 0, "latin1");
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}
