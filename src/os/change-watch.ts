// Proof that nothing changed in some directories since they were looked at. Linux: inotify, asked only when somebody wants to know.
import { dlopen } from "bun:ffi";
import { readFileSync, statfsSync } from "node:fs";

export interface ChangeWatch {
  /**
   * Notes the first change from now on in any of the directories themselves (their entries' content, attributes, names; not what lies deeper).
   * null where that cannot be promised: too many directories, one that is gone, a file system that others may write to unseen.
   */
  arm(directories: readonly string[]): ArmedWatch | null;
  close(): void;
}

export interface ArmedWatch {
  /** Whether anything changed, up to this very moment: the kernel queues a change before the program that made it goes on. */
  changed(): boolean;
  /** Idempotent. */
  release(): void;
}

/** null on systems that have no such thing. `maxDirectories` is for all watches together. */
export function openChangeWatch({ maxDirectories = directoryLimit() }: { maxDirectories?: number } = {}): ChangeWatch | null {
  const library = openLibrary();
  if (!library) return null;
  const descriptor = library.inotify_init1(closeOnExec | nonBlocking);
  if (descriptor < 0) return null;
  return createWatch({ library, descriptor, maxDirectories, buffer: new Uint8Array(64 * 1024), owners: new Map() });
}

/** Of `linux/inotify.h` and `linux/fcntl.h`. */
const nonBlocking = 0o4000;
const closeOnExec = 0o2000000;
const overflow = 0x4000;
/** Modified, attributes, closed after writing, moved from and to, created, deleted, deleted or moved itself. */
const anyChange = 0x2 | 0x4 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x800;
/**
 * Only a directory, no link, nothing of files that have no name any more, and once: a directory that keeps changing costs nothing further, and the
 * kernel's queue holds all there can be without anybody reading it.
 */
const watchFlags = (anyChange | 0x01000000 | 0x02000000 | 0x04000000 | 0x80000000) >>> 0;
const eventHeadBytes = 16;

/** Where every write passes through this kernel: ext, btrfs, xfs, tmpfs, overlay, zfs, f2fs, bcachefs. */
const localFileSystems = new Set([0xef53, 0x9123683e, 0x58465342, 0x01021994, 0x794c7630, 0x2fc12fc1, 0xf2f52010, 0xca451a4e]);

interface Library {
  inotify_init1(flags: number): number;
  inotify_add_watch(descriptor: number, path: Uint8Array, mask: number): number;
  inotify_rm_watch(descriptor: number, watch: number): number;
  read(descriptor: number, buffer: Uint8Array, size: number): number | bigint;
  close(descriptor: number): number;
}

interface Watching {
  library: Library;
  descriptor: number;
  maxDirectories: number;
  buffer: Uint8Array;
  /** Two watches may have a directory in common, and the kernel gives both the same number. */
  owners: Map<number, Set<Owner>>;
}

interface Owner {
  changed: boolean;
  watches: number[];
}

function createWatch(watching: Watching): ChangeWatch {
  let open = true;
  return {
    arm(directories) {
      if (!open) return null;
      drain(watching);
      if (watching.owners.size + directories.length > watching.maxDirectories) return null;
      if (!directories.every(isLocal)) return null;
      const owner: Owner = { changed: false, watches: [] };
      for (const directory of directories) {
        if (addDirectory(watching, owner, directory)) continue;
        release(watching, owner);
        return null;
      }
      return {
        changed() {
          if (open) drain(watching);
          return owner.changed || !open;
        },
        release: () => open && release(watching, owner),
      };
    },
    close() {
      if (open) watching.library.close(watching.descriptor);
      open = false;
    },
  };
}

function addDirectory({ library, descriptor, owners }: Watching, owner: Owner, directory: string): boolean {
  const watch = library.inotify_add_watch(descriptor, Buffer.from(`${directory}\0`), watchFlags);
  if (watch < 0) return false;
  const present = owners.get(watch);
  if (present) present.add(owner);
  else owners.set(watch, new Set([owner]));
  owner.watches.push(watch);
  return true;
}

function release({ library, descriptor, owners }: Watching, owner: Owner): void {
  for (const watch of owner.watches) {
    const present = owners.get(watch);
    if (!present?.delete(owner) || present.size > 0) continue;
    owners.delete(watch);
    library.inotify_rm_watch(descriptor, watch);
  }
  owner.watches = [];
}

/** Reads all that the kernel has queued. */
function drain(watching: Watching): void {
  const { library, descriptor, buffer, owners } = watching;
  const view = new DataView(buffer.buffer);
  for (;;) {
    const length = Number(library.read(descriptor, buffer, buffer.byteLength));
    if (length <= 0) return;
    for (let offset = 0; offset + eventHeadBytes <= length; offset += eventHeadBytes + view.getUint32(offset + 12, true)) {
      const watch = view.getInt32(offset, true);
      if ((view.getUint32(offset + 4, true) & overflow) !== 0) for (const all of owners.values()) markChanged(all);
      else markChanged(owners.get(watch) ?? []);
      // The kernel has taken it away with its first event.
      owners.delete(watch);
    }
  }
}

function markChanged(owners: Iterable<Owner>): void {
  for (const owner of owners) owner.changed = true;
}

function isLocal(directory: string): boolean {
  try {
    return localFileSystems.has(statfsSync(directory).type >>> 0);
  } catch {
    return false;
  }
}

/** A part of what the user's programs may watch together: dev servers and editors need the most of it. */
function directoryLimit(): number {
  try {
    const allowed = Number(readFileSync("/proc/sys/fs/inotify/max_user_watches", "utf8"));
    return Math.min(16_384, Math.floor(allowed / 8)) || 0;
  } catch {
    return 0;
  }
}

function openLibrary(): Library | null {
  if (process.platform !== "linux") return null;
  for (const name of ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`]) {
    try {
      const { symbols } = dlopen(name, {
        inotify_init1: { args: ["i32"], returns: "i32" },
        inotify_add_watch: { args: ["i32", "ptr", "u32"], returns: "i32" },
        inotify_rm_watch: { args: ["i32", "i32"], returns: "i32" },
        read: { args: ["i32", "ptr", "u64"], returns: "i64" },
        close: { args: ["i32"], returns: "i32" },
      });
      return symbols as unknown as Library;
    } catch {
      // The other C library, or none that can be loaded: git is asked every time.
    }
  }
  return null;
}
