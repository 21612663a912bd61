import { observePortHolder } from "../os/ports.ts";

/** Who holds a port, for a sentence: `python3 -m http.server (pid 41)`, or `another program`. */
export async function portHolderName(port: number): Promise<string> {
  const holder = await observePortHolder(port);
  if (!holder?.command) return "another program";
  // The program that listens on behalf of a container tells nobody whose it is.
  if (/^\S*docker-proxy /.test(holder.command)) return `a container (\`docker ps --filter publish=${port}\` names it)`;
  return holder.pid === null ? holder.command : `${holder.command} (pid ${holder.pid})`;
}
