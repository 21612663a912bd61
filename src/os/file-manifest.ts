// What a sealed directory consists of, so that a changed or damaged one is noticed before it is copied.
import { lstatSync, readdirSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";

export interface ManifestFile {
  path: string;
  bytes: number;
  modifiedMs: number;
  hash: string;
}

export async function readManifest(data: string): Promise<ManifestFile[]> {
  const files: ManifestFile[] = [];
  for (const { path, bytes, modifiedMs } of listFiles(data))
    files.push({ path, bytes, modifiedMs, hash: await hashContent(join(data, path)) });
  return files;
}

/** Cheap: no file was added, removed, resized or written since it was sealed. */
export function looksSealed(data: string, files: readonly ManifestFile[]): boolean {
  const wanted = new Map(files.map((file) => [file.path, file]));
  try {
    const present = listFiles(data);
    return (
      present.length === wanted.size &&
      present.every(({ path, bytes, modifiedMs }) => {
        const file = wanted.get(path);
        return file !== undefined && file.bytes === bytes && file.modifiedMs === modifiedMs;
      })
    );
  } catch {
    return false;
  }
}

/** Reads everything: the first file whose content is not what was sealed; null: all are. */
export async function findDamage(data: string, files: readonly ManifestFile[]): Promise<string | null> {
  for (const file of files) {
    const hash = await hashContent(join(data, file.path)).catch(() => "");
    if (hash !== file.hash) return file.path;
  }
  return null;
}

function listFiles(data: string): Omit<ManifestFile, "hash">[] {
  const files: Omit<ManifestFile, "hash">[] = [];
  const walk = (below: string) => {
    for (const entry of readdirSync(join(data, below), { withFileTypes: true })) {
      const path = below ? `${below}/${entry.name}` : entry.name;
      if (entry.isDirectory()) walk(path);
      else {
        const { size, mtimeMs } = lstatSync(join(data, path));
        files.push({ path, bytes: size, modifiedMs: Math.trunc(mtimeMs) });
      }
    }
  };
  walk("");
  return files.sort((one, other) => (one.path < other.path ? -1 : 1));
}

async function hashContent(path: string): Promise<string> {
  const file = await open(path, "r");
  try {
    const buffer = Buffer.alloc(1 << 20);
    let hash = 0n;
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return hash.toString(36);
      hash = Bun.hash.wyhash(buffer.subarray(0, bytesRead), hash);
    }
  } finally {
    await file.close();
  }
}
