// A directory that shows another one's files until they are written, by overlayfs. The mount is made in a mount namespace of the program that
// works in it: it goes with the program, and nobody else ever sees it.
//
//   overlay.json   whose content lies below
//   lower          link to the directory that lies below; it never changes
//   upper          what was written; a file that is opened for writing is first copied here whole
//   work, merged   the kernel's own place, and where the namespace has the mount
//   run            a place both sides can see, such as for sockets
import { existsSync, lstatSync, readFileSync, readlinkSync, symlinkSync } from "node:fs";
import { chmod, chown, mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "./exec.ts";
import { entryAt, removeTree } from "./files.ts";

export interface OverlayNote {
  schema: 1;
  /** Names what lies below; the caller's word. */
  lower: { [key: string]: string | number };
}

export function isOverlay(directory: string): boolean {
  return existsSync(join(directory, noteFile));
}

/** null: it has none, or not one of ours. */
export function readOverlayNote(directory: string): OverlayNote | null {
  try {
    const note = JSON.parse(readFileSync(join(directory, noteFile), "utf8")) as OverlayNote;
    return note.schema === 1 && typeof note.lower === "object" && note.lower !== null ? note : null;
  } catch {
    return null;
  }
}

/** Where the files of a directory really are, the first wins; of a plain directory itself. */
export function layersOf(directory: string): [string, ...string[]] {
  return isOverlay(directory) ? [join(directory, "upper"), readlinkSync(join(directory, "lower"))] : [directory];
}

/** Where this file of the directory really lies; where it would be written, when there is none. Never asks for what was deleted above. */
export function fileIn(directory: string, name: string): string {
  const [first, ...below] = layersOf(directory);
  if (entryAt(join(first, name))) return join(first, name);
  const found = below.find((layer) => entryAt(join(layer, name)));
  return join(found ?? first, name);
}

/** Both the program inside and we outside see this place; inside it is `../run`. */
export function sharedPlace(directory: string): string {
  return isOverlay(directory) ? join(directory, "run") : directory;
}

export interface OverlayWish {
  /** The directory that is to lie below. Nobody may write to it from now on. */
  from: string;
  /** Absent. */
  to: string;
  note: OverlayNote;
}

/** Makes the directory at `to`. Throws, and then nothing is left. */
export async function makeOverlay({ from, to, note }: OverlayWish): Promise<void> {
  const owner = lstatSync(from);
  try {
    await makeFrame(to, owner);
    await symlink(from, join(to, "lower"));
    await mkdir(join(to, "upper"), { mode: 0o700 });
    await chmod(join(to, "upper"), owner.mode & 0o7777);
    if (process.getuid?.() === 0) await chown(join(to, "upper"), owner.uid, owner.gid);
    // Last: with it the directory counts as an overlay.
    await writeFile(join(to, noteFile), `${JSON.stringify(note)}\n`, { mode: 0o600 });
  } catch (error) {
    await removeTree(to);
    throw error;
  }
}

export interface OverlayCopying {
  to: string;
  /** The command that copies trees here with everything they have, such as `cp -a`. */
  cp: string[];
  path: string;
  abort?: AbortSignal;
}

/** Copies one that nobody works in (or that stands still) to `to`, which is absent: what was written is copied, what lies below is not. null: done. */
export async function copyOverlay(from: string, { to, cp, path, abort }: OverlayCopying): Promise<string | null> {
  try {
    await makeFrame(to, lstatSync(join(from, "upper")));
    const parts = ["lower", "upper", noteFile].map((name) => join(from, name));
    const env = { PATH: `${path}:/usr/bin:/bin`, LC_ALL: "C" };
    const result = await exec([...cp, ...parts, `${to}/`], { cwd: "/", env, ...(abort ? { abort } : {}) });
    if (result.code === 0) return null;
    await removeTree(to);
    return result.stderr.trim().split("\n").at(-1)?.replace(/^cp: /, "") || `cp ended with code ${result.code}`;
  } catch (error) {
    await removeTree(to);
    throw error;
  }
}

/** What lies below has another path by now. */
export async function relinkOverlay(directory: string, lower: string): Promise<void> {
  const link = join(directory, "lower");
  const next = `${link}.next`;
  await rm(next, { force: true });
  symlinkSync(lower, next);
  await rename(next, link);
}

/**
 * The command that runs `command` with the overlay mounted. It must be started in `directory`, which stays its descriptor 3 when the caller hands
 * it over as such; the mounted directory is its descriptor 4.
 */
export function overlayCommand(command: readonly string[]): string[] {
  const isRoot = process.getuid?.() === 0;
  const options = isRoot ? "index=off,metacopy=off,redirect_dir=off" : "userxattr,index=off,metacopy=off";
  const namespace = isRoot ? [] : ["--user", "--map-current-user", "--keep-caps"];
  // What mounts need is not for the program itself.
  const setpriv = isRoot ? null : program("setpriv");
  const plain = setpriv ? [setpriv, "--ambient-caps=-all", "--inh-caps=-all", "--"] : [];
  const script = [
    `mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work,${options} merged`,
    `|| { echo "FATAL:  the overlay cannot be mounted"; exit ${mountFailed}; }`,
    '\nexec 4<merged || exit 1\nexec "$@"',
  ].join(" ");
  return [
    program("unshare") ?? "unshare",
    ...namespace,
    "--mount",
    "--propagation",
    "private",
    "--",
    "/bin/sh",
    "-c",
    script,
    "wt",
    ...plain,
    ...command,
  ];
}

/** Tries it out in `place`, with what lies below in `source`; leaves nothing behind. */
export async function probeOverlay(source: string, place: string): Promise<{ proof: string } | { reason: string }> {
  if (process.platform !== "linux") return { reason: "only Linux has overlayfs" };
  if (!program("unshare")) return { reason: "the program unshare (util-linux) is missing" };
  const name = `.probe-${crypto.randomUUID().slice(0, 8)}`;
  const [from, to] = [join(source, name), join(place, `${name}-overlay`)];
  try {
    await mkdir(join(from, "below"), { recursive: true, mode: 0o700 });
    await writeFile(join(from, "below/probe"), "below\n");
    await writeFile(join(from, "gone"), "below\n");
    await makeOverlay({ from, to, note: { schema: 1, lower: {} } });
    // As a database does: reads, writes over, makes and removes files, renames, and waits for the disk.
    const work =
      "cd /proc/self/fd/4 && cat below/probe && echo above > below/probe && mkdir new && mv below/probe new/probe && rm gone && sync new/probe";
    const result = await exec(overlayCommand(["/bin/sh", "-c", work]), {
      cwd: to,
      env: { PATH: "/usr/bin:/bin:/usr/sbin:/sbin", LC_ALL: "C" },
    });
    if (result.code !== 0)
      return { reason: (result.stderr.trim() || result.stdout.trim()).split("\n").at(-1) || `it ended with code ${result.code}` };
    const seen = [
      result.stdout,
      readFileSync(join(from, "below/probe"), "utf8"),
      readFileSync(join(to, "upper/new/probe"), "utf8"),
      lstatSync(join(to, "upper/gone")).isCharacterDevice(),
    ];
    if (JSON.stringify(seen) !== JSON.stringify(["below\n", "below\n", "above\n", true]))
      return { reason: "a file written above appeared below, or was lost" };
    const whose = process.getuid?.() === 0 ? "" : ", in a user namespace";
    return { proof: `a file below was read, written over and removed in a probe mount${whose}, and what lies below did not change` };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  } finally {
    await removeTree(from);
    await removeTree(to);
  }
}

const noteFile = "overlay.json";
const mountFailed = 90;

async function makeFrame(to: string, owner: { uid: number; gid: number }): Promise<void> {
  await mkdir(to, { mode: 0o711 });
  // The owner of what is inside works in `run` and passes through here.
  await chmod(to, 0o711);
  for (const name of ["work", "merged", "run"]) await mkdir(join(to, name), { mode: 0o700 });
  if (process.getuid?.() === 0) await chown(join(to, "run"), owner.uid, owner.gid);
}

function program(name: string): string | null {
  return Bun.which(name, { PATH: "/usr/bin:/bin:/usr/sbin:/sbin" });
}
