// A few small files as a tar archive (POSIX ustar). Pure.

export interface TarFile {
  /** Without a leading slash. */
  path: string;
  content: string;
  mode: number;
  uid: number;
  gid: number;
}

const blockBytes = 512;
const longestName = 100;
const longestPrefix = 155;

/** Throws a plain `Error` for a path that the format cannot hold. */
export function tarFiles(files: readonly TarFile[]): Buffer {
  const parts = files.flatMap((file) => {
    const content = Buffer.from(file.content);
    return [headerOf(file, content.length), content, Buffer.alloc((blockBytes - (content.length % blockBytes)) % blockBytes)];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * blockBytes)]);
}

function headerOf({ path, mode, uid, gid }: TarFile, length: number): Buffer {
  const header = Buffer.alloc(blockBytes);
  const { prefix, name } = namesOf(path);
  const octal = (value: number, at: number, digits: number) => header.write(`${value.toString(8).padStart(digits, "0")}\0`, at, "latin1");
  header.write(name, 0);
  octal(mode, 100, 7);
  octal(uid, 108, 7);
  octal(gid, 116, 7);
  octal(length, 124, 11);
  octal(0, 136, 11);
  header.write("        0", 148, "latin1");
  header.write("ustar\x0000", 257, "latin1");
  header.write(prefix, 345);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

function namesOf(path: string): { prefix: string; name: string } {
  if (Buffer.byteLength(path) <= longestName) return { prefix: "", name: path };
  for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (Buffer.byteLength(prefix) <= longestPrefix && Buffer.byteLength(name) <= longestName) return { prefix, name };
  }
  throw new Error(`the path ${path} is too long for an archive`);
}
