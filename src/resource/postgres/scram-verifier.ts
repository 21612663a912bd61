// A password as PostgreSQL keeps it ("SCRAM-SHA-256" in the manual's pg_authid; RFC 5802, RFC 7677), so that the server neither sees nor logs
// the password itself and need not work it out.
import { createHash, createHmac, pbkdf2, randomBytes } from "node:crypto";
import { promisify } from "node:util";

const iterations = 4096;
const saltBytes = 16;

/** Of a password in ASCII: others would have to be normalised first (SASLprep). */
export async function scramVerifier(password: string, salt: Uint8Array = randomBytes(saltBytes)): Promise<string> {
  const salted = await promisify(pbkdf2)(password, salt, iterations, 32, "sha256");
  const clientKey = createHmac("sha256", salted).update("Client Key").digest();
  const storedKey = createHash("sha256").update(clientKey).digest("base64");
  const serverKey = createHmac("sha256", salted).update("Server Key").digest("base64");
  return `SCRAM-SHA-256$${iterations}:${Buffer.from(salt).toString("base64")}$${storedKey}:${serverKey}`;
}
