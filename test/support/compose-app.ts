// A repository of containers that needs no registry: busybox serves pages, and a shared "database" that answers with its name.
import { labels } from "../../src/runtime/compose/labels.ts";
import { busyboxImage, dockerAt, type TestImage } from "./docker.ts";
import { type HermeticWorld, hermeticWorld } from "./hermetic-world.ts";

/** Of this process: tests that run beside this one have others, and worlds on one engine choose names without knowing of each other. */
export const projectName = `shop${process.pid}`;

export function composeApp(image: string, change: { wt?: string; compose?: string } = {}): Record<string, string> {
  return {
    "wt.yaml":
      change.wt ??
      `project: ${projectName}
runtime: compose
compose: { shared: [db] }
services:
  web: { route: / }
`,
    "compose.yaml":
      change.compose ??
      `services:
  web:
    image: ${image}
    init: true
    container_name: shop-web
    command: [sh, /app/serve.sh]
    volumes: [".:/app", "media:/media"]
    environment: { GREETING: hello }
    ports: ["8000:8000"]
    depends_on:
      db: { condition: service_started }
      prepare: { condition: service_completed_successfully }
    healthcheck: { test: [CMD, wget, -qO-, "http://127.0.0.1:8000/"], interval: 1s, timeout: 2s, retries: 30 }
  prepare:
    image: ${image}
    command: [sh, -c, "echo prepared in $$HOSTNAME"]
  worker:
    image: ${image}
    init: true
    command: [sh, -c, "echo working for $$WT_ENVIRONMENT; exec sleep 100000"]
    restart: unless-stopped
  db:
    image: ${image}
    init: true
    command: [sh, -c, "mkdir -p /data && touch /data/made && echo the shared db > /data/index.html && exec httpd -f -p 5432 -h /data"]
    ports: ["5432:5432"]
    volumes: ["data:/data"]
volumes: { data: {}, media: {} }
`,
    "page.txt": "first\n",
    "serve.sh": `mkdir -p /www/cgi-bin
cat > /www/index.html <<PAGE
web of $WT_ENVIRONMENT: $GREETING
PAGE
page() {
  printf '#!/bin/sh\\nprintf "Content-Type: text/plain\\\\r\\\\n\\\\r\\\\n"\\n%s\\n' "$2" > /www/cgi-bin/$1
}
page page 'cat /app/page.txt'
page db 'wget -qO- http://db:5432/'
page env env
chmod +x /www/cgi-bin/*
echo serving
exec httpd -f -p 8000 -h /www
`,
  };
}

export interface ComposeWorld extends AsyncDisposable {
  world: HermeticWorld;
  image: string;
  /** What of this world is on the engine: `container web`, `network shop-a_default`. */
  things(): string[];
  /** Names of containers of this world that run. */
  running(): string[];
}

/** A world with this app, and an end that takes everything of it off the engine: the machine's, or the one at `endpoint`. */
export async function composeWorld(
  files: (image: string) => Record<string, string> = composeApp,
  endpoint: string | null = null,
): Promise<ComposeWorld> {
  const docker = dockerAt(endpoint);
  const image: TestImage = busyboxImage(endpoint);
  let world: HermeticWorld;
  try {
    world = await hermeticWorld({ files: files(image.name), ...(endpoint ? { env: { DOCKER_HOST: endpoint } } : {}) });
  } catch (error) {
    image[Symbol.dispose]();
    throw error;
  }
  const filter = () => `label=${labels.state}=${world.directory}/state/worldtree`;
  const things = () => {
    const list = (kind: string, args: string[]) => lines(docker(...args, "--filter", filter())).map((name) => `${kind} ${name}`);
    return [
      ...list("container", ["ps", "--all", "--format", "{{.Names}}"]),
      ...list("network", ["network", "ls", "--format", "{{.Name}}"]),
      ...list("volume", ["volume", "ls", "--format", "{{.Name}}"]),
      ...list("image", ["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]),
    ].sort();
  };
  return {
    world,
    image: image.name,
    things,
    running: () => lines(docker("ps", "--format", "{{.Names}}", "--filter", filter())),
    async [Symbol.asyncDispose]() {
      try {
        await world.wt(["daemon", "stop", "--services"]);
        for (const id of lines(docker("ps", "--all", "--quiet", "--filter", filter()))) {
          const volumes = docker("inspect", "--format", "{{range .Mounts}}{{.Name}}\n{{end}}", id);
          docker("rm", "--force", "--volumes", id);
          // Of one that was made anew they stay.
          for (const name of lines(volumes).filter((one) => /^[0-9a-f]{64}$/.test(one))) docker("volume", "rm", "--force", name);
        }
        for (const id of lines(docker("network", "ls", "--quiet", "--filter", filter()))) docker("network", "rm", id);
        for (const name of lines(docker("volume", "ls", "--quiet", "--filter", filter()))) docker("volume", "rm", name);
        for (const id of new Set(lines(docker("image", "ls", "--quiet", "--filter", filter())))) docker("image", "rm", "--force", id);
      } finally {
        await world[Symbol.asyncDispose]();
        image[Symbol.dispose]();
      }
    },
  };
}

export function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}
