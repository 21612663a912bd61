import { observePortHolder } from "../os/ports.ts";

/** Who holds a port, for a sentence: `python3 -m http.server (pid 41)`, or `another program`. */
export async function portHolderName(port: number): Promise<string> {
  const holder = await observePortHolder(port);
  if (!holder?.command) return "another program";
  return holder.pid === null ? holder.command : `${holder.command} (pid ${holder.pid})`;
}
