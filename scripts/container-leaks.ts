// Containers, networks, volumes and images that a test run made and left: their label names a state directory inside of the run's own.
import { WtError } from "../src/errors/wt-error.ts";
import type { DockerEngine } from "../src/os/docker-engine.ts";
import { createEngineAccess } from "../src/runtime/compose/engine-access.ts";
import { labels } from "../src/runtime/compose/labels.ts";

/** Sentences about what is left; it is removed. Empty where there is no engine, or none that we may ask. */
export async function findContainerLeaks(directory: string): Promise<string[]> {
  const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
  try {
    return await removeLeaks(await createEngineAccess(env).engine(), directory);
  } catch (error) {
    if (error instanceof WtError && /^engine_/.test(error.code)) return [];
    throw error;
  }
}

async function removeLeaks(engine: DockerEngine, directory: string): Promise<string[]> {
  const any = { [labels.state]: null };
  const isOfRun = ({ Labels }: { Labels: Record<string, string> | null }) => `${Labels?.[labels.state]}/`.startsWith(`${directory}/`);
  const leaks: string[] = [];
  for (const { Id, Names } of (await engine.containers(any)).filter(isOfRun)) {
    leaks.push(`The container ${Names[0]?.replace("/", "") ?? Id} is still there.`);
    await engine.removeContainer(Id);
  }
  for (const { Id, Name } of (await engine.networks(any)).filter(isOfRun)) {
    leaks.push(`The network ${Name} is still there.`);
    await engine.removeNetwork(Id);
  }
  for (const { Name } of (await engine.volumes(any)).filter(isOfRun)) {
    leaks.push(`The volume ${Name} is still there.`);
    await engine.removeVolume(Name);
  }
  for (const { Id, RepoTags } of (await engine.images(any)).filter(isOfRun)) {
    leaks.push(`The image ${RepoTags?.[0] ?? Id} is still there.`);
    await engine.removeImage(Id);
  }
  return leaks;
}
