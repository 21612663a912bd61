// A small Debian with the servers and the Python that the images of the compose example need, made by debootstrap.
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const packages = ["ca-certificates", "procps", "python3", "python3-pip", "postgresql", "redis-server"];

/** What is of no use in a container: indexes, manuals, and PostgreSQL's compiler, which is the half of it. */
const leftOut = [
  "./var/cache/apt/*",
  "./var/lib/apt/lists/*",
  "./usr/share/doc/*",
  "./usr/share/man/*",
  "./usr/share/locale/*",
  "./usr/lib/*/libLLVM*",
  "./usr/lib/*/libz3*",
  "./usr/lib/postgresql/*/lib/bitcode/*",
  "./dev/*",
  "./proc/*",
];

const certificates = "/etc/ssl/certs/ca-certificates.crt";

/** Why none can be made here; null: it can. */
export function debianRootReason(): string | null {
  if (process.platform !== "linux") return "debootstrap needs Linux.";
  if (!Bun.which("debootstrap")) return "debootstrap is not installed.";
  return process.getuid?.() === 0 ? null : "debootstrap needs root.";
}

/** What the content depends on besides this file: the release, and whom the machine trusts. */
export function debianRootInputs(): string[] {
  return [release(), existsSync(certificates) ? readFileSync(certificates, "utf8") : ""];
}

/** Fills the directory `root`; what it prints goes to the file `log`. */
export async function makeDebianRoot(root: string, log: string): Promise<void> {
  await logged(log, ["debootstrap", "--variant=minbase", release(), root, ...mirror()]);
  mkdirSync(join(root, "etc/postgresql-common"), { recursive: true });
  writeFileSync(join(root, "etc/postgresql-common/createcluster.conf"), "create_main_cluster = false\n");
  // No package may start a server while it is installed: 101 means "not allowed".
  writeFileSync(join(root, "usr/sbin/policy-rc.d"), "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  // Nobody needs what a loss of power would leave of it.
  writeFileSync(join(root, "etc/dpkg/dpkg.cfg.d/unsafe-io"), "force-unsafe-io\n");
  const install = ["apt-get", "install", "-y", "--no-install-recommends", ...packages];
  await logged(log, ["chroot", root, "env", "DEBIAN_FRONTEND=noninteractive", ...install]);
  symlinkSync("python3", join(root, "usr/bin/python"));
  // Who builds an image with pip means the image's only Python.
  for (const path of new Bun.Glob("usr/lib/python3*/EXTERNALLY-MANAGED").scanSync({ cwd: root, onlyFiles: true })) rmSync(join(root, path));
  // Registries behind a company's proxy are known to the machine, so they are to its images.
  if (existsSync(certificates)) copyFileSync(certificates, join(root, certificates));
}

/** The root as an image with this tag. */
export async function importRoot(root: string, log: string, { tag, label }: { tag: string; label: string }): Promise<void> {
  const changes = [
    "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ENV LANG=C.UTF-8",
    `ENV NODE_EXTRA_CA_CERTS=${certificates}`,
    `LABEL ${label}`,
  ].flatMap((change) => ["--change", change]);
  const archive = join(dirname(root), "root.tar");
  await logged(log, ["tar", "-C", root, "--one-file-system", ...leftOut.map((pattern) => `--exclude=${pattern}`), "-cf", archive, "."]);
  await logged(log, ["docker", "import", ...changes, archive, tag]);
  rmSync(archive);
}

/** Runs a command; throws with its last lines when it fails. */
export async function logged(log: string, command: string[]): Promise<void> {
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const keep = async (stream: ReadableStream<Uint8Array>) => {
    for await (const part of stream) appendFileSync(log, part);
  };
  const [code] = await Promise.all([child.exited, keep(child.stdout), keep(child.stderr)]);
  if (code === 0) return;
  const last = readFileSync(log, "utf8").trimEnd().split("\n").slice(-15).join("\n");
  throw new Error(`${command.slice(0, 3).join(" ")} … ended with code ${code}:\n${last}`);
}

function release(): string {
  const named = existsSync("/etc/os-release") ? /^VERSION_CODENAME=(.+)$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] : undefined;
  return named && existsSync(`/usr/share/debootstrap/scripts/${named}`) ? named : "stable";
}

/** Where the machine's own packages come from; debootstrap knows a place of its own. */
function mirror(): string[] {
  const targets = ["--format", "$(REPO_URI)", "Created-By: Packages", `Codename: ${release()}`, "Component: main"];
  const asked = Bun.spawnSync(["apt-get", "indextargets", ...targets], { stdout: "pipe", stderr: "ignore" });
  const uri = asked.stdout.toString().split("\n")[0] ?? "";
  return /^https?:/.test(uri) ? [uri] : [];
}
