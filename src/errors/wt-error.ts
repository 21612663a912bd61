/**
 * What went wrong, in the terms a caller can act on. One kind is one exit code (see `exitCodes`), and both are stable:
 * scripts and agents branch on them.
 *
 * - `internal`: a bug of worldtree; the only kind shown with a stack.
 * - `usage`: the command line is wrong.
 * - `config`: `wt.yaml` (or what detection read) is wrong.
 * - `not_found`: no such project, environment, service.
 * - `refused`: the request would lose work, touch what is not ours, or collide with what exists.
 * - `untrusted`: commands of the repository were not approved by a person.
 * - `machine`: the machine cannot do it now: git missing, disk full, port held, read-only directory.
 * - `unhealthy`: everything was done, but a service does not become or stay ready.
 * - `cancelled`: the user interrupted it.
 */
export type ErrorKind = "internal" | "usage" | "config" | "not_found" | "refused" | "untrusted" | "machine" | "unhealthy" | "cancelled";

/** Process exit code per kind. 0 is success; 10 and above (except 130) are never used, so `wt run` can pass a command's own code on. */
export const exitCodes: Readonly<Record<ErrorKind, number>> = {
  internal: 1,
  usage: 2,
  config: 3,
  not_found: 4,
  refused: 5,
  untrusted: 6,
  machine: 7,
  unhealthy: 8,
  cancelled: 130,
};

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

export interface WtErrorOptions {
  kind: ErrorKind;
  /** Stable, snake_case, for machines: `branch_checked_out`. */
  code: string;
  /** One sentence that ends with a period and names the thing: key, line, path, branch. */
  message: string;
  /** What to do next, each a sentence or a command; the first one is the best. */
  hints?: string[];
  /** Facts for machines, such as `{ path, line }`. Never secrets. */
  details?: { [key: string]: JsonValue };
  cause?: unknown;
}

/** The form an error has on the wire and in `--json` output. */
export interface WireError {
  kind: ErrorKind;
  code: string;
  message: string;
  hints: string[];
  details?: { [key: string]: JsonValue };
  /** Only for `internal`. */
  stack?: string;
}

/** Every error a user is meant to read. Thrown anywhere, rendered only in `cli/main.ts` and `daemon/server.ts`. */
export class WtError extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly hints: string[];
  readonly details: { [key: string]: JsonValue } | undefined;

  constructor(options: WtErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "WtError";
    this.kind = options.kind;
    this.code = options.code;
    this.hints = options.hints ?? [];
    this.details = options.details;
  }

  toWire(): WireError {
    const wire: WireError = { kind: this.kind, code: this.code, message: this.message, hints: this.hints };
    if (this.details) wire.details = this.details;
    if (this.kind === "internal" && this.stack) wire.stack = this.stack;
    return wire;
  }

  static fromWire(wire: WireError): WtError {
    const error = new WtError(wire);
    if (wire.stack) error.stack = wire.stack;
    return error;
  }

  /** Any thrown value as a `WtError`; what is not one already is a bug and becomes `internal`. */
  static from(thrown: unknown): WtError {
    if (thrown instanceof WtError) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    const error = new WtError({
      kind: "internal",
      code: "bug",
      message: `Unexpected error: ${message}`,
      hints: ["This is a bug in wt; please report it with the stack above and the output of `wt doctor`."],
      cause: thrown,
    });
    if (thrown instanceof Error && thrown.stack) error.stack = thrown.stack;
    return error;
  }
}
