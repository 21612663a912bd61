/** Of each failed test at most so many lines: whoever sees only the end of a log must see all of them. */
const linesEach = 14;

/**
 * What the output of `bun test` says of the tests that failed: of each the last lines before its `(fail)`, and that line. Where no test failed
 * although the run did (a crash, an error outside of tests), the last lines.
 */
export function failedTests(output: string): string[][] {
  const lines = Bun.stripANSI(output).split("\n");
  const failed: string[][] = [];
  let since: string[] = [];
  for (const line of lines) {
    // What follows names them once more.
    if (/^\d+ tests (failed|skipped|todo):/.test(line)) break;
    if (/^\((pass|skip|todo)\) /.test(line)) since = [];
    else if (/^\(fail\) /.test(line)) {
      failed.push([...shortened(since), line]);
      since = [];
    } else if (/^ {2}\^ /.test(line)) failed.at(-1)?.push(line);
    else if (line.trim() !== "") since.push(line);
  }
  return failed.length > 0 ? failed : [shortened(since)];
}

/** The message of an assertion is before the places in the code, of which the first two tell enough. */
function shortened(lines: string[]): string[] {
  const places = lines.filter((line) => /^\s+at /.test(line)).slice(0, 2);
  const told = lines.filter((line) => !/^\s+at /.test(line));
  const error = told.findLastIndex((line) => /^(error|\w*Error|killed|timeout|\S+ was ended)\b/.test(line.trim()));
  const from = error >= 0 ? told.slice(error) : told.slice(-linesEach);
  return [...from.slice(0, linesEach - places.length), ...places];
}
