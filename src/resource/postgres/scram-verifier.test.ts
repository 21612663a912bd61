import { expect, test } from "bun:test";
import { scramVerifier } from "./scram-verifier.ts";

// The exchange of RFC 7677, section 3: user "user", password "pencil".
test("gives the keys of the RFC's example", async () => {
  const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
  const verifier = await scramVerifier("pencil", salt);
  const [kind, settings, keys] = verifier.split("$");
  expect([kind, settings]).toEqual(["SCRAM-SHA-256", "4096:W22ZaJ0SNY7soEsUEjb6gQ=="]);
  const [stored = "", server = ""] = keys?.split(":") ?? [];
  // The RFC's messages prove both keys: the client's proof against the stored key, the server's signature with the server key.
  const { createHash, createHmac } = await import("node:crypto");
  const nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
  const text = `n=user,r=rOprNGfwEbeRWgbNEkqO,r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=${nonce}`;
  const signature = createHmac("sha256", Buffer.from(stored, "base64")).update(text).digest();
  const proof = Buffer.from("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "base64");
  const clientKey = Buffer.from(proof.map((byte, index) => byte ^ (signature[index] ?? 0)));
  expect(createHash("sha256").update(clientKey).digest("base64")).toBe(stored);
  expect(createHmac("sha256", Buffer.from(server, "base64")).update(text).digest("base64")).toBe(
    "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
  );
});

test("another salt each time", async () => {
  expect(await scramVerifier("pencil")).not.toBe(await scramVerifier("pencil"));
});
