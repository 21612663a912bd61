/** A user unit that keeps the daemon running. Killed or crashed, it comes back; services live in sessions of their own and are not stopped with it. */
export function systemdUnit(command: readonly string[], env: Readonly<Record<string, string>>): string {
  return `[Unit]
Description=worldtree: an environment for every git worktree

[Service]
Type=exec
ExecStart=${command.map(systemdQuoted).join(" ")}
${Object.entries(env)
  .map(([key, value]) => `Environment=${systemdQuoted(`${key}=${value}`)}\n`)
  .join("")}Restart=on-failure
RestartSec=1
KillMode=process

[Install]
WantedBy=default.target
`;
}

/** One word of a unit file: quoted, with `%` (specifiers), `$` (variables) and what is special inside quotes doubled or escaped. */
export function systemdQuoted(word: string): string {
  const escaped = word
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"')
    .replaceAll("%", "%%")
    .replaceAll("$", "$$$$")
    .replaceAll("\n", "\\n");
  return /^[\w@+=:,./-]+$/.test(word) ? word : `"${escaped}"`;
}
