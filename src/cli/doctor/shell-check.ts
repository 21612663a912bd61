import { access, constants, readFile, realpath } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { DoctorFinding } from "../../api/operations.ts";

/** Start files that may hold `wt shell-init`, for each shell. */
const startFiles: Record<string, string[]> = {
  bash: [".bashrc", ".bash_profile", ".profile"],
  zsh: [".zshrc", ".zprofile", ".zshenv"],
  fish: [".config/fish/config.fish"],
};

export async function observeShell(env: Record<string, string>): Promise<DoctorFinding[]> {
  return [await integrationFinding(env), ...(await twoPrograms(env))];
}

async function integrationFinding(env: Record<string, string>): Promise<DoctorFinding> {
  const shell = (env.SHELL ?? "").split("/").at(-1) ?? "";
  const files = startFiles[shell];
  if (!files) {
    return { code: "shell_unknown", level: "ok", message: `There is no shell integration for ${shell || "an unknown shell"}.`, fix: null };
  }
  for (const file of files) {
    const text = await readFile(join(env.HOME ?? "", file), "utf8").catch(() => "");
    if (/\bwt(\s+|.*\s)shell-init\b/.test(text)) {
      return { code: "shell_integration", level: "ok", message: `Shell integration is in ~/${file}.`, fix: null };
    }
  }
  const line = shell === "fish" ? "wt shell-init fish | source" : `eval "$(wt shell-init ${shell})"`;
  return {
    code: "shell_integration_missing",
    level: "warning",
    message: `wt switch cannot change the directory of ${shell}: shell integration is missing.`,
    fix: `Add to ~/${files[0]}: ${line}`,
  };
}

/** Other programs are called wt too; which one answers depends on the order of the PATH. */
async function twoPrograms(env: Record<string, string>): Promise<DoctorFinding[]> {
  const found = new Map<string, string>();
  for (const directory of (env.PATH ?? "").split(delimiter)) {
    const path = join(directory, "wt");
    if (!directory.startsWith("/") || !(await isExecutable(path))) continue;
    const real = await realpath(path).catch(() => path);
    if (!found.has(real)) found.set(real, path);
  }
  const paths = [...found.values()];
  if (paths.length < 2) return [];
  return [
    {
      code: "two_wt",
      level: "warning",
      message: `Several programs called wt are on the PATH; the first one answers: ${paths.join(", ")}.`,
      fix: "Put the directory of the one you mean first, or call this one by its other name: worldtree",
    },
  ];
}

async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
