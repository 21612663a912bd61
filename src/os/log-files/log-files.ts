// The logs that are open: at most one `LogFile` per path, for as long as a service writes it or somebody reads it. Drivers whose services write to the same
// directories share one of these, as each file is rotated by whoever watches it.
import { type LogFile, type LogFileOptions, openLogFile } from "./log-file.ts";
import { type LogEntry, type LogQuery, readLog } from "./log-reader.ts";

export interface LogFiles {
  /** Watches the log from now on: a service writes it. */
  serviceStarted(path: string): void;
  serviceEnded(path: string): void;
  read(query: LogQuery, abort: AbortSignal): AsyncGenerator<LogEntry>;
  remove(path: string): void;
  close(): void;
}

export function createLogFiles(options: LogFileOptions): LogFiles {
  const open = new Map<string, { file: LogFile; readers: number }>();

  const get = (path: string) => {
    const entry = open.get(path) ?? { file: openLogFile(path, options), readers: 0 };
    open.set(path, entry);
    return entry;
  };
  const letGo = (path: string) => {
    const entry = open.get(path);
    if (!entry || entry.readers > 0) return;
    entry.file.releaseIndexes();
    if (entry.file.state.live) return;
    entry.file.close();
    open.delete(path);
  };

  return {
    serviceStarted: (path) => get(path).file.serviceStarted(),
    serviceEnded(path) {
      open.get(path)?.file.serviceEnded();
      letGo(path);
    },
    async *read(query, abort) {
      const entry = get(query.logPath);
      entry.readers++;
      try {
        yield* readLog(entry.file, query, abort);
      } finally {
        entry.readers--;
        letGo(query.logPath);
      }
    },
    remove(path) {
      get(path).file.remove();
      letGo(path);
    },
    close() {
      for (const { file } of open.values()) file.close();
      open.clear();
    },
  };
}
