import { tidyTemplates } from "./collect-garbage.ts";
import { templatedTypes } from "./template-operations.ts";
import type { World } from "./world.ts";

/** At daemon start: what builders that died left goes now, and what was superseded after every build. */
export function keepTemplatesTidy(world: World): void {
  let tidying: Promise<void> = Promise.resolve();
  for (const { templates } of templatedTypes(world)) {
    templates.prepare().catch(world.report);
    templates.onSealed(() => {
      tidying = tidying.then(() => tidyTemplates(world)).catch(world.report);
    });
  }
}
