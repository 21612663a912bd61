import type { SharedDocument } from "../../api/stacks.ts";

export function sharedLines({ project, services }: SharedDocument): string[] {
  if (services.length === 0) return [`${project} has no shared services; an environment that names some in compose.shared brings them up.`];
  const rows = services.map(({ name, state, ports }) => [
    name,
    state,
    ports.map(({ target, port }) => `127.0.0.1:${port} → ${target}`).join(", "),
  ]);
  const reasons = services.flatMap(({ name, reason, state }) => (reason === null || state === "Running" ? [] : [`${name}: ${reason}`]));
  const all = [["SERVICE", "STATUS", "PORTS"], ...rows];
  const widths = [0, 1].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const lines = all.map(([name = "", state = "", where = ""]) =>
    `${name.padEnd(widths[0] ?? 0)}  ${state.padEnd(widths[1] ?? 0)}  ${where}`.trimEnd(),
  );
  return [...lines, ...reasons];
}
