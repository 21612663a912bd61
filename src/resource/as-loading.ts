import { WtError } from "../errors/wt-error.ts";

/** Errors name the key of wt.yaml that a dump is usually written under; here it was an argument. Pure. */
export function asLoading(from: string): (error: unknown) => never {
  return (error) => {
    const [, rest] = error instanceof WtError ? (/^resources\.[^:]*\.from: ([\s\S]*)$/.exec(error.message) ?? []) : [];
    if (!(error instanceof WtError) || rest === undefined) throw error;
    const unreadable = error.code === "database_source";
    throw new WtError({
      kind: unreadable ? "usage" : error.kind,
      code: unreadable ? "dump_unreadable" : error.code,
      message: rest.replace(/^the /, "The "),
      hints: error.hints,
      details: { ...error.details, path: from },
      cause: error,
    });
  };
}
