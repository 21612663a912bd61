// Where PostgreSQL's programs lie on people's machines: on the PATH, where distributions put them, and where version managers do.
import { closeSync, existsSync, openSync, readdirSync, readSync, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";

export interface PlacesToLook {
  path: string;
  home: string;
  /** Where version managers were told to keep things: `MISE_DATA_DIR`, `ASDF_DATA_DIR`. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Of the file system; only tests have another. */
  root?: string;
}

/** Directories that hold `postgres` and `initdb`, the PATH's first. */
export function programDirectories({ path, home, env = {}, root = "/" }: PlacesToLook): string[] {
  const at = (place: string) => join(root, place);
  const candidates = [
    ...path.split(delimiter).filter((each) => each.startsWith("/")),
    // Debian, Ubuntu; Fedora, RHEL; openSUSE; Alpine; Gentoo; MacPorts.
    ...children(at("/usr/lib/postgresql"), /^\d+$/, "bin"),
    ...children(at("/usr"), /^pgsql-\d+$/, "bin"),
    ...children(at("/usr/lib"), /^postgresql-?\d+$/, "bin"),
    ...children(at("/usr/libexec"), /^postgresql-?\d+$/, ""),
    ...children(at("/usr/lib64"), /^postgresql-\d+$/, "bin"),
    ...children(at("/opt/local/lib"), /^postgresql\d+$/, "bin"),
    ...["/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"].flatMap((brew) =>
      children(at(brew), /^postgresql(@\d+)?$/, "bin"),
    ),
    ...children(at("/Applications/Postgres.app/Contents/Versions"), /^\d+$/, "bin"),
    ...managed(env.MISE_DATA_DIR ?? join(home, ".local/share/mise")),
    ...managed(env.ASDF_DATA_DIR ?? join(home, ".asdf")),
  ];
  const found = new Set<string>();
  for (const candidate of candidates) {
    const postgres = join(candidate, "postgres");
    // A shim of a version manager runs what the directory it is called in asks for, which is none of ours.
    if (!existsSync(postgres) || isScript(postgres)) continue;
    // A link on the PATH leads to the directory that has the rest.
    const real = join(realpathSync(postgres), "..");
    if (existsSync(join(real, "initdb"))) found.add(real);
  }
  return [...found];
}

/** The root of a system whose C library is musl, where programs that were built for glibc do not start. */
export function isMusl(root = "/"): boolean {
  const libraries = (directory: string) => {
    try {
      return readdirSync(join(root, directory));
    } catch {
      return [];
    }
  };
  const loaders = [...libraries("/lib"), ...libraries("/lib64"), ...libraries("/usr/lib")];
  return loaders.some((name) => name.startsWith("ld-musl-")) && !loaders.some((name) => name.startsWith("ld-linux"));
}

/** `~/.asdf/installs/postgres/16.1/bin`. `latest` and `16` are links to one of the others. */
function managed(data: string): string[] {
  return children(join(data, "installs/postgres"), /^\d/, "bin");
}

function children(parent: string, names: RegExp, below: string): string[] {
  try {
    return readdirSync(parent)
      .filter((name) => names.test(name))
      .map((name) => join(parent, name, below));
  } catch {
    return [];
  }
}

function isScript(path: string): boolean {
  try {
    const file = openSync(path, "r");
    try {
      const first = Buffer.alloc(2);
      return readSync(file, first, 0, 2, 0) === 2 && first.toString("latin1") === "#!";
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}
