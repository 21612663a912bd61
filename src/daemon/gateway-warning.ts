import type { Call } from "./journaled-run.ts";
import type { World } from "./world.ts";

/** A URL that leads to somebody else's program must not be handed out without a word. */
export async function warnOfGateway(world: World, call: Call): Promise<void> {
  const view = await world.gateway.view();
  if (view.state === "listening") return;
  const who = view.holder ?? "another program";
  call.emit({
    type: "note",
    message: `The gateway's port ${view.port} is held by ${who}, so URLs do not lead here; the ports in \`wt status\` do. See \`wt gateway status\`.`,
  });
}
