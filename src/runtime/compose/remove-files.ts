// What a container wrote as somebody else (root, most often), its user cannot remove; a container can.
import { existsSync, realpathSync } from "node:fs";
import { basename } from "node:path";
import type { DockerEngine } from "../../os/docker-engine.ts";
import { labels } from "./labels.ts";

export interface FileRemoval {
  /** Absolute, of this machine. */
  directory: string;
  /** Entries of it. */
  names: readonly string[];
  /** State directory of this world, for the label. */
  state: string;
}

/** Where the programs of this machine and their libraries are. */
const programPlaces = ["/bin", "/usr", "/lib", "/lib64"];
/** Two empty blocks: an archive of nothing. */
const nothing = new Uint8Array(1024);

/**
 * Removes the entries of a directory with all that is in them, as root, by this machine's own `rm` in a container that sees nothing else. Needs no
 * image: it is made of nothing, and goes again. Does not follow links. Resolves also when something is left.
 */
export async function removeFiles(engine: DockerEngine, { directory, names, state }: FileRemoval, abort: AbortSignal): Promise<void> {
  const rm = ["/bin/rm", "/usr/bin/rm"].find((path) => existsSync(path));
  if (rm === undefined) return;
  const image = `wt-remove-${crypto.randomUUID()}`;
  await engine.importImage(image, nothing, abort);
  try {
    const id = await engine.createContainer(
      {
        Image: image,
        Cmd: [rm, "-rf", "--", ...names.map((name) => `/remove/${basename(name)}`)],
        User: "0:0",
        Labels: { [labels.state]: state },
        NetworkDisabled: true,
        HostConfig: {
          // A daemon that is killed leaves nothing.
          AutoRemove: true,
          NetworkMode: "none",
          ReadonlyRootfs: true,
          UsernsMode: "host",
          SecurityOpt: ["label=disable", "no-new-privileges"],
          Binds: [
            `${realpathSync(directory)}:/remove`,
            ...programPlaces.filter((path) => existsSync(path)).map((path) => `${path}:${path}:ro`),
          ],
        },
      },
      abort,
    );
    // The answer comes once it is gone, so it is asked for before.
    const gone = engine.wait(id, abort, "removed");
    await engine.start(id, abort).catch(async (error) => {
      await engine.removeContainer(id);
      await gone.catch(() => undefined);
      throw error;
    });
    await gone;
  } finally {
    await engine.removeImage(image).catch(() => undefined);
  }
}
