// Connections to the services: bounded, reused, to whichever loopback family the service listens on.
import { finishWire, flushWire, markPeerEnded, resetWire, type Wire, wireState } from "./wire.ts";

/** One connection to a service. */
export interface Upstream<Waiter> extends Wire {
  readonly port: number;
  /** Who uses it now; null while idle. */
  user: Waiter | null;
  /** It has served a request before: the service may be closing it at this very moment. */
  reused: boolean;
  /** What it counts against: its port's limit, the limit of long streams, or (idle, given up) nothing. */
  account: "active" | "detached" | "none";
  idleSinceMs: number;
}

export interface PoolEvents<Waiter> {
  /** The connection that `waiter` asked for, if it did not get one at once. */
  connected(waiter: Waiter, upstream: Upstream<Waiter>): void;
  /** Nobody listens on either family, or too many wait already. */
  unreachable(waiter: Waiter, failure: DialFailure): void;
  data(waiter: Waiter, bytes: Buffer): void;
  /** The service sent FIN. */
  ended(waiter: Waiter): void;
  drained(waiter: Waiter): void;
  closed(waiter: Waiter): void;
}

export type DialFailure = "refused" | "timeout" | "overloaded";

export interface AcquireOptions {
  /** Only a new connection will do. */
  fresh: boolean;
  /** The request must not be sent twice, so only a connection used a moment ago is trusted to be alive. */
  careful: boolean;
}

export interface UpstreamPool<Waiter> {
  /** A connection now, or null and later `connected` or `unreachable`. */
  acquire(waiter: Waiter, port: number, options: AcquireOptions): Upstream<Waiter> | null;
  /** Forgets a waiter that has no connection yet. */
  cancel(waiter: Waiter, port: number): void;
  /** Gives a connection back, to be used again. */
  release(upstream: Upstream<Waiter>): void;
  /** Gives a connection back that must not be used again: `reset` ends it so that the service notices at once, else it ends regularly. */
  discard(upstream: Upstream<Waiter>, reset: boolean): void;
  /** The connection now belongs to one long stream and no longer counts against the limit of its port. */
  detach(upstream: Upstream<Waiter>): void;
  /** Ends what was idle too long; to be called about once a second while `busy`. */
  sweep(nowMs: number): void;
  busy(): boolean;
  close(): void;
}

/** Requests in flight to one port; more wait in line. */
const maxActive = 256;
const maxIdle = 64;
const maxWaiting = 2048;
const maxDetached = 4096;
/** Below the 5 s after which Node and uvicorn close. */
const idleMs = 4000;
const carefulIdleMs = 1000;
const dialTimeoutMs = 10_000;

interface Dial<Waiter> {
  waiter: Waiter | null;
  family: "127.0.0.1" | "::1";
  /** Both families are tried; this is the second. */
  second: boolean;
  startedMs: number;
}

interface Port<Waiter> {
  port: number;
  /** Where it listened last time. */
  family: "127.0.0.1" | "::1";
  idle: Upstream<Waiter>[];
  /** Connections that count, dialling ones included. */
  active: number;
  waiting: Waiter[];
  dials: Set<Dial<Waiter>>;
}

interface PoolState<Waiter> {
  ports: Map<number, Port<Waiter>>;
  sockets: Set<Upstream<Waiter>>;
  detached: number;
  closed: boolean;
  events: PoolEvents<Waiter>;
}

export function createUpstreamPool<Waiter>(events: PoolEvents<Waiter>): UpstreamPool<Waiter> {
  const state: PoolState<Waiter> = { ports: new Map(), sockets: new Set(), detached: 0, closed: false, events };
  return {
    acquire: (waiter, port, options) => acquire(state, { waiter, port, ...options }),
    cancel: (waiter, port) => cancel(state.ports.get(port), waiter),
    release: (upstream) => release(state, upstream),
    discard(upstream, reset) {
      upstream.user = null;
      (reset ? resetWire : finishIdle)(upstream);
    },
    detach: (upstream) => detach(state, upstream),
    sweep: (nowMs) => sweep(state, nowMs),
    busy: () => state.sockets.size > 0 || state.ports.size > 0,
    close() {
      state.closed = true;
      for (const upstream of [...state.sockets]) resetWire(upstream);
    },
  };
}

function portOf<Waiter>(state: PoolState<Waiter>, number: number): Port<Waiter> {
  let port = state.ports.get(number);
  if (!port) {
    port = { port: number, family: "127.0.0.1", idle: [], active: 0, waiting: [], dials: new Set() };
    state.ports.set(number, port);
  }
  return port;
}

function acquire<Waiter>(state: PoolState<Waiter>, request: { waiter: Waiter; port: number } & AcquireOptions): Upstream<Waiter> | null {
  const port = portOf(state, request.port);
  const oldest = request.careful ? Date.now() - carefulIdleMs : 0;
  while (!request.fresh && port.idle.length > 0) {
    const upstream = port.idle[port.idle.length - 1];
    if (!upstream || upstream.idleSinceMs < oldest) break;
    port.idle.pop();
    if (upstream.broken) continue;
    lend(port, upstream, request.waiter);
    return upstream;
  }
  if (port.active < maxActive) {
    startDial(state, port, { waiter: request.waiter, family: port.family, second: false, startedMs: Date.now() });
  } else if (port.waiting.length < maxWaiting) {
    port.waiting.push(request.waiter);
  } else {
    queueMicrotask(() => state.events.unreachable(request.waiter, "overloaded"));
  }
  return null;
}

function startDial<Waiter>(state: PoolState<Waiter>, port: Port<Waiter>, dial: Dial<Waiter>): void {
  port.active++;
  port.dials.add(dial);
  const upstream: Upstream<Waiter> = { ...wireState(), port: port.port, user: null, reused: false, account: "active", idleSinceMs: 0 };
  const { events } = state;
  const failed = () => {
    if (port.dials.delete(dial)) dialFailed(state, port, dial);
  };
  // The promise settles after `open` or `connectError` has run; those say everything.
  Bun.connect<undefined>({
    hostname: dial.family,
    port: port.port,
    allowHalfOpen: true,
    socket: {
      open(socket) {
        upstream.socket = socket;
        socket.setNoDelay(true);
        dialled(state, port, { dial, upstream });
      },
      data(_socket, bytes) {
        if (upstream.user !== null) events.data(upstream.user, bytes);
        else resetWire(upstream);
      },
      end() {
        markPeerEnded(upstream);
        if (upstream.user !== null) events.ended(upstream.user);
        else closeIdle(port, upstream);
      },
      drain() {
        if (upstream.user !== null) events.drained(upstream.user);
        else flushWire(upstream);
      },
      close: () => socketClosed(state, port, upstream),
      error: () => resetWire(upstream),
      connectError: failed,
    },
  }).catch(failed);
}

function dialled<Waiter>(state: PoolState<Waiter>, port: Port<Waiter>, made: { dial: Dial<Waiter>; upstream: Upstream<Waiter> }): void {
  const { dial, upstream } = made;
  state.sockets.add(upstream);
  port.family = dial.family;
  if (!port.dials.delete(dial) || state.closed) {
    // It took so long that it was given up; its place is already free.
    upstream.account = "none";
    resetWire(upstream);
  } else if (dial.waiter === null) {
    release(state, upstream);
  } else {
    upstream.user = dial.waiter;
    state.events.connected(dial.waiter, upstream);
  }
}

function dialFailed<Waiter>(state: PoolState<Waiter>, port: Port<Waiter>, dial: Dial<Waiter>): void {
  port.active--;
  if (!dial.second && !state.closed) {
    const family = dial.family === "127.0.0.1" ? "::1" : "127.0.0.1";
    startDial(state, port, { waiter: dial.waiter, family, second: true, startedMs: dial.startedMs });
    return;
  }
  if (dial.waiter !== null) state.events.unreachable(dial.waiter, "refused");
  serveWaiting(state, port);
}

function cancel<Waiter>(port: Port<Waiter> | undefined, waiter: Waiter): void {
  if (!port) return;
  for (const dial of port.dials) if (dial.waiter === waiter) dial.waiter = null;
  const index = port.waiting.indexOf(waiter);
  if (index >= 0) port.waiting.splice(index, 1);
}

function release<Waiter>(state: PoolState<Waiter>, upstream: Upstream<Waiter>): void {
  const port = portOf(state, upstream.port);
  upstream.user = null;
  settleAccount(state, port, upstream);
  if (upstream.broken || upstream.peerEnded) {
    finishIdle(upstream);
    return;
  }
  const next = port.waiting.shift();
  if (next !== undefined) {
    lend(port, upstream, next);
    state.events.connected(next, upstream);
  } else if (port.idle.length >= maxIdle) {
    finishIdle(upstream);
  } else {
    upstream.idleSinceMs = Date.now();
    port.idle.push(upstream);
  }
}

function lend<Waiter>(port: Port<Waiter>, upstream: Upstream<Waiter>, waiter: Waiter): void {
  upstream.user = waiter;
  upstream.reused = true;
  upstream.account = "active";
  port.active++;
}

function detach<Waiter>(state: PoolState<Waiter>, upstream: Upstream<Waiter>): void {
  if (upstream.account !== "active" || state.detached >= maxDetached) return;
  const port = portOf(state, upstream.port);
  settleAccount(state, port, upstream);
  upstream.account = "detached";
  state.detached++;
  serveWaiting(state, port);
}

function settleAccount<Waiter>(state: PoolState<Waiter>, port: Port<Waiter>, upstream: Upstream<Waiter>): void {
  if (upstream.account === "active") port.active--;
  if (upstream.account === "detached") state.detached--;
  upstream.account = "none";
}

function socketClosed<Waiter>(state: PoolState<Waiter>, port: Port<Waiter>, upstream: Upstream<Waiter>): void {
  if (!state.sockets.delete(upstream)) return;
  upstream.broken = true;
  upstream.socket = null;
  const index = port.idle.indexOf(upstream);
  if (index >= 0) port.idle.splice(index, 1);
  settleAccount(state, port, upstream);
  const { user } = upstream;
  upstream.user = null;
  if (user !== null) state.events.closed(user);
  serveWaiting(state, port);
}

function closeIdle<Waiter>(port: Port<Waiter>, upstream: Upstream<Waiter>): void {
  const index = port.idle.indexOf(upstream);
  if (index >= 0) port.idle.splice(index, 1);
  finishIdle(upstream);
}

/** A regular end in both directions: the service sees no error. */
function finishIdle(upstream: Wire): void {
  upstream.peerEnded = true;
  finishWire(upstream);
}

function serveWaiting<Waiter>(state: PoolState<Waiter>, port: Port<Waiter>): void {
  while (!state.closed && port.waiting.length > 0 && port.active < maxActive) {
    const waiter = port.waiting.shift();
    if (waiter !== undefined) startDial(state, port, { waiter, family: port.family, second: false, startedMs: Date.now() });
  }
}

function sweep<Waiter>(state: PoolState<Waiter>, nowMs: number): void {
  for (const port of state.ports.values()) {
    for (const upstream of [...port.idle]) if (nowMs - upstream.idleSinceMs > idleMs) closeIdle(port, upstream);
    for (const dial of [...port.dials]) {
      if (nowMs - dial.startedMs < dialTimeoutMs) continue;
      port.dials.delete(dial);
      port.active--;
      if (dial.waiter !== null) state.events.unreachable(dial.waiter, "timeout");
      serveWaiting(state, port);
    }
    if (port.active === 0 && port.idle.length === 0 && port.waiting.length === 0) state.ports.delete(port.port);
  }
}
