/** Runs all at once; the first failure ends the others, and is thrown once none of them goes on. */
export async function together<const Works extends readonly ((abort: AbortSignal) => Promise<unknown>)[]>(
  abort: AbortSignal,
  works: Works,
): Promise<{ -readonly [Index in keyof Works]: Awaited<ReturnType<Works[Index]>> }> {
  const failed = new AbortController();
  const failures: unknown[] = [];
  const signal = AbortSignal.any([abort, failed.signal]);
  const results = await Promise.all(
    works.map((work) =>
      work(signal).catch((error: unknown) => {
        failures.push(error);
        failed.abort(error);
      }),
    ),
  );
  abort.throwIfAborted();
  if (failures.length > 0) throw failures[0];
  // Nothing failed, so each result is its work's.
  return results as { -readonly [Index in keyof Works]: Awaited<ReturnType<Works[Index]>> };
}
