import { connect } from "node:net";

/** Whether somebody accepts a TCP connection there within the time; nothing is sent. */
export function acceptsConnection({ host, port, timeoutMs }: { host: string; port: number; timeoutMs: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (accepted: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(accepted);
    };
    const timer = setTimeout(() => finish(false), timeoutMs);
    // Stays for the socket's whole life, so that a late reset is never an unhandled error.
    socket.on("error", () => finish(false));
    socket.once("connect", () => finish(true));
  });
}
