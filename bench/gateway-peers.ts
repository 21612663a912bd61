// What the gateway is measured against: the service behind it, and Caddy in front of the same service.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Peer {
  port: number;
  stop(): Promise<unknown>;
}

/** A service that answers with small and large bodies and echoes messages. */
export async function startUpstream(): Promise<Peer> {
  const child = Bun.spawn([process.execPath, import.meta.path], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const { value } = await child.stdout.getReader().read();
  return {
    port: Number(new TextDecoder().decode(value)),
    stop() {
      child.kill();
      return child.exited;
    },
  };
}

/** Null, with a line that says so, when it is not installed. */
export async function startCaddy(upstreamPort: number): Promise<Peer | null> {
  const program = Bun.which("caddy");
  if (!program) {
    console.log("skipped: Caddy (not installed)");
    return null;
  }
  const directory = mkdtempSync(join(tmpdir(), "wt-bench-caddy-"));
  const port = freePort();
  const site = `http://:${port} {\n\tbind 127.0.0.1\n\treverse_proxy 127.0.0.1:${upstreamPort}\n}\n`;
  writeFileSync(join(directory, "Caddyfile"), `{\n\tadmin off\n\tauto_https off\n}\n${site}`);
  const env = { ...process.env, HOME: directory, XDG_CONFIG_HOME: directory, XDG_DATA_HOME: directory };
  const command = [program, "run", "--config", join(directory, "Caddyfile"), "--adapter", "caddyfile"];
  const child = Bun.spawn(command, { env, stdout: "ignore", stderr: "ignore" });
  const stop = async () => {
    child.kill();
    await child.exited;
    rmSync(directory, { recursive: true, force: true });
  };
  for (let attempt = 0; attempt < 100; attempt++) {
    const answer = await fetch(`http://127.0.0.1:${port}/small`).catch(() => null);
    if (answer?.ok) return { port, stop };
    await Bun.sleep(50);
  }
  await stop();
  throw new Error("Caddy did not start within 5 seconds.");
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  listener.stop(true);
  return listener.port;
}

function serveUpstream(): void {
  const small = "x".repeat(30);
  const large = "y".repeat(16 * 1024);
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request, serving) {
      if (request.url.endsWith("/echo")) return serving.upgrade(request) ? undefined : new Response(null, { status: 400 });
      return new Response(request.url.endsWith("/large") ? large : small);
    },
    websocket: { message: (socket, message) => void socket.send(message) },
  });
  process.stdout.write(`${server.port}\n`);
}

if (import.meta.main) serveUpstream();
