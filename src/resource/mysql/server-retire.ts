// A database on a server that is put aside while its environment is deleted: it stays under its name, and nobody gets in as its account.
import { WtError } from "../../errors/wt-error.ts";
import { loginDetail, loginOfUrl, randomPassword } from "./mysql-connection.ts";
import { mysqlErrno } from "./mysql-session.ts";
import { type Desk, type Notes, optionsOf, readNotes, writeNotes } from "./server-content.ts";
import { ensureAccount, foreignDatabase, lockOut, readHolding, serverRefusal } from "./server-holding.ts";

/** False: there is nothing whole to keep. Idempotent; `ensure` brings it back. */
export async function retireDatabase({ spec, session, holding }: Desk): Promise<boolean> {
  const state = await readHolding(session, holding);
  if (state === "foreign") throw foreignDatabase(holding, spec.label);
  if (state !== "whole") return false;
  const notes = (await readNotes(spec)) ?? { nonce: spec.nonce, password: randomPassword() };
  // Before anything else: what is missing from here on was lost, and is not made a first time.
  await writeNotes(spec, { ...notes, complete: true, retired: true });
  try {
    // Servers differ in how an account is locked; all of them know passwords.
    await ensureAccount(session, holding, randomPassword());
    await lockOut(session, holding);
  } catch (error) {
    throw mysqlErrno(error) === 0 ? error : serverRefusal(holding.key, `put the database ${spec.label} aside`, error);
  }
  return true;
}

/** Once: whoever asks again, having been told, gets a new one. */
export async function lostDatabase({ spec }: Desk, notes: Notes): Promise<WtError> {
  await writeNotes(spec, { ...notes, complete: false, retired: false });
  const { host, port } = loginOfUrl(optionsOf(spec).url);
  return new WtError({
    kind: "machine",
    code: "resource_lost",
    message: `The database ${spec.label} was kept${loginDetail({ database: "", host, port })} and is not there any more.`,
    hints: ["`wt up` makes a new one, without what that one held."],
  });
}
