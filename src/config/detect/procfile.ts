import { at, type DetectedPart, emptyPart, firstPresent, type Look, service } from "./part.ts";

/** Procfile.dev before Procfile. `web` is taken only where no framework was recognised; `release` prepares; all others are workers. */
export async function detectProcfile(look: Look, known: { hasWeb: boolean }): Promise<DetectedPart | null> {
  const found = await firstPresent(look, ["Procfile.dev", "Procfile"]);
  if (!found) return null;
  const part = emptyPart();
  const path = at(look, found.name);
  for (const { name, run } of entries(found.text)) {
    if (name === "release") {
      part.setup.push({ run, inputs: [], directory: look.directory });
      part.because.push(`\`release\` of ${path} runs before the services start.`);
    } else if (name === "web") {
      if (known.hasWeb)
        part.because.push(`\`web\` of ${path} is left out, because the development server of the framework was recognised.`);
      else {
        part.services.push(service({ name, run, directory: look.directory, role: "pages" }));
        part.because.push(`\`web\` of ${path} gets PORT and the route /.`);
      }
    } else {
      part.services.push(service({ name, run, directory: look.directory, role: "worker" }));
      part.because.push(`\`${name}\` of ${path} runs as a worker, without a port.`);
    }
  }
  return part;
}

function entries(text: string): { name: string; run: string }[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const match = /^([A-Za-z0-9_-]+):\s*(\S.*?)\s*$/.exec(line);
    return match?.[1] && match[2] && !line.includes("\0") ? [{ name: match[1], run: match[2] }] : [];
  });
}
