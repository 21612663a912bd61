// What the system refuses is a fact about the machine, said in one sentence, and no bug of ours.
import { WtError } from "../errors/wt-error.ts";

interface Refusal {
  code: string;
  /** Ends the sentence. */
  why: string;
  hint: string;
}

const full: Refusal = {
  code: "disk_full",
  why: "the disk is full",
  hint: "Free some space (`wt gc` shows what nobody needs), then try again.",
};
const forbidden: Refusal = {
  code: "path_forbidden",
  why: "the system does not permit it",
  hint: "Look at its owner and permissions (ls -ld), then try again.",
};
const tooMany: Refusal = {
  code: "too_many_files",
  why: "too many files are open",
  hint: "End programs you do not need, or raise the limit (ulimit -n), then try again.",
};

const refusals: Readonly<Record<string, Refusal>> = {
  ENOSPC: full,
  EDQUOT: { ...full, why: "your quota of the disk is used up" },
  EACCES: forbidden,
  EPERM: forbidden,
  EROFS: {
    code: "path_read_only",
    why: "the file system is read-only",
    hint: "See why (`dmesg | tail`, `mount`), mount it writable, then try again.",
  },
  EIO: { code: "disk_failing", why: "the disk reports an error", hint: "Save what is on that disk and look at it: `dmesg | tail`." },
  EMFILE: tooMany,
  ENFILE: tooMany,
  ELOOP: { code: "path_loops", why: "its links lead in a circle", hint: "Remove the link, then try again." },
  ENAMETOOLONG: {
    code: "path_too_long",
    why: "its path is too long",
    hint: "Choose a shorter name, or another place with worktrees: in wt.yaml.",
  },
};

/** The same error, or what the system said in a sentence that names the path. */
export function machineError(error: unknown): unknown {
  if (error instanceof WtError || !(error instanceof Error)) return error;
  const { code = "", path, syscall } = error as NodeJS.ErrnoException;
  const refusal = refusals[code];
  if (!refusal) return error;
  return new WtError({
    kind: "machine",
    code: refusal.code,
    message: `${path === undefined ? `The system refuses${syscall ? ` ${syscall}` : ""}` : `${path} cannot be used`}: ${refusal.why} (${code}).`,
    hints: [refusal.hint],
    ...(path === undefined ? {} : { details: { path } }),
    cause: error,
  });
}
