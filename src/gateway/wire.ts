// Writing to a socket that may be slower than its source: what the kernel does not take waits here, and the source is told to pause.

/** One socket and what still has to be written to it. */
export interface Wire {
  /** null until connected and after the end. */
  socket: Bun.Socket<unknown> | null;
  pending: Uint8Array[];
  pendingBytes: number;
  /** Reading from the socket is paused. */
  paused: boolean;
  /** Send FIN when everything is written. */
  finishing: boolean;
  /** The peer sent FIN: it will send nothing more. */
  peerEnded: boolean;
  /** The peer takes nothing any more (it closed or reset). */
  broken: boolean;
}

export function wireState(): Wire {
  return { socket: null, pending: [], pendingBytes: 0, paused: false, finishing: false, peerEnded: false, broken: false };
}

/** Hands bytes to the kernel or queues them; false when something waits, so the source should pause until `flushWire` gives true. */
export function sendOn(wire: Wire, bytes: Uint8Array): boolean {
  if (wire.broken || !wire.socket || wire.finishing || bytes.length === 0) return wire.pendingBytes === 0;
  if (wire.pendingBytes > 0) {
    wire.pending.push(bytes);
    wire.pendingBytes += bytes.length;
    return false;
  }
  const written = wire.socket.write(bytes);
  if (written < 0) {
    wire.broken = true;
    return true;
  }
  if (written === bytes.length) return true;
  wire.pending.push(written === 0 ? bytes : bytes.subarray(written));
  wire.pendingBytes = bytes.length - written;
  return false;
}

/** To be called when the socket can take more; true when nothing waits any more. */
export function flushWire(wire: Wire): boolean {
  let index = 0;
  while (index < wire.pending.length && wire.socket && !wire.broken) {
    const bytes = wire.pending[index] ?? empty;
    const written = wire.socket.write(bytes);
    if (written < 0) wire.broken = true;
    else wire.pendingBytes -= written;
    if (written < bytes.length) {
      if (written > 0) wire.pending[index] = bytes.subarray(written);
      break;
    }
    index++;
  }
  if (wire.broken) {
    wire.pending = [];
    wire.pendingBytes = 0;
  } else if (index > 0) {
    wire.pending.splice(0, index);
  }
  if (wire.pendingBytes === 0 && wire.finishing) sendFin(wire);
  return wire.pendingBytes === 0;
}

/** FIN after everything that waits; the peer may go on sending. */
export function finishWire(wire: Wire): void {
  if (wire.finishing) return;
  wire.finishing = true;
  if (wire.pendingBytes === 0) sendFin(wire);
}

/** To be called on the peer's FIN; closes the socket when both directions are done. */
export function markPeerEnded(wire: Wire): void {
  wire.peerEnded = true;
  if (wire.finishing && wire.pendingBytes === 0) sendFin(wire);
}

function sendFin(wire: Wire): void {
  if (wire.peerEnded || wire.broken) wire.socket?.end();
  else wire.socket?.shutdown();
}

/** Ends the socket now with a reset, so that the peer cannot take it for a regular end. Its `close` event follows. */
export function resetWire(wire: Wire): void {
  wire.pending = [];
  wire.pendingBytes = 0;
  wire.broken = true;
  wire.socket?.terminate();
}

export function setPaused(wire: Wire, paused: boolean): void {
  if (wire.paused === paused || !wire.socket) return;
  wire.paused = paused;
  if (paused) wire.socket.pause();
  else wire.socket.resume();
}

const empty = new Uint8Array(0);
