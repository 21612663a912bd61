// What Compose printed when it failed → a sentence and what to do. Pure.
import { WtError } from "../../errors/wt-error.ts";
import { engineRefusal, said } from "./engine-errors.ts";
import { asObject, shellOf } from "./stamp-model.ts";
import type { ComposeModel } from "./transform/compose-model.ts";

/** Reading the repository's own files failed: that is theirs to mend. */
export function composeFileError(stderr: string): WtError {
  // What follows there is the value itself, and may be a password.
  const unclear = /invalid interpolation format for (\S+?)\.?\s/.exec(stderr)?.[1];
  if (unclear !== undefined) {
    return new WtError({
      kind: "config",
      code: "compose_invalid",
      message: `The compose file cannot be used: ${unclear} has a dollar sign that begins no variable.`,
      hints: ["Write `$$` where a dollar sign is meant."],
    });
  }
  const text = said(stderr);
  if (/remote resource is disabled|oci remote|git remote/i.test(text)) {
    return new WtError({
      kind: "config",
      code: "compose_remote",
      message: "The compose file includes something from the network, and wt reads only what lies in the repository.",
      hints: ["Copy what is included into the repository, and include it from there."],
    });
  }
  const variable = /required variable (\S+) is missing a value/.exec(text)?.[1];
  const hint = variable
    ? `Set ${variable} in the .env file of the worktree or in your shell.`
    : "Run `docker compose config` in the worktree to see it as Compose does.";
  return new WtError({ kind: "config", code: "compose_invalid", message: `The compose file cannot be used: ${text}.`, hints: [hint] });
}

/** A secret or config has `environment:`, and the variable is nowhere. */
export function variableMissing(name: string): WtError {
  return new WtError({
    kind: "config",
    code: "variable_missing",
    message: `A container needs the variable ${name} for a secret or config of the compose file, and neither this shell nor the .env beside that file sets it (wt keeps no values of earlier shells).`,
    hints: [`Give it in this shell: ${name}=… wt up. Or write it into that .env, so that every shell has it.`],
  });
}

/** Building failed: the sentence names the service, the last lines say why. */
export function buildError(output: string, names: readonly string[]): WtError {
  const step = /^(?:#\d+ )?\[([\w.-]+)[^\]]*\]/m;
  const failing = /failed to solve|executor failed|returned a non-zero code|ERROR/;
  const lines = output.split("\n").map((line) => line.replace(/^#\d+ (?:[\d.]+ )?/, "").trimEnd());
  const subject = names.length === 1 ? `The image of ${names[0]} cannot be built` : `An image of ${names.join(", ")} cannot be built`;
  const machine = engineRefusal(subject, output, {
    code: "build_failed",
    hints: ["Run `docker compose build` in the worktree to try it by hand."],
  });
  if (machine.code === "disk_full") return machine;
  const last = lines.filter((line) => line.trim() !== "" && !step.test(line)).slice(-12);
  const why = lines.findLast((line) => failing.test(line)) ?? said(output);
  return new WtError({
    kind: "machine",
    code: "build_failed",
    message: `${subject}: ${said(why).replace(/^(?:target \S+: )?failed to solve: /, "")}.`,
    hints: ["Run `docker compose build` in the worktree to try it by hand."],
    details: { services: [...names], output: last },
  });
}

/** Creating failed. */
export function createError(project: string, output: string): WtError {
  return engineRefusal(`The containers of ${project} cannot be created`, output, {
    code: "container_failed",
    hints: ["Run `wt explain` to see what Compose was asked for."],
  });
}

const secretKey = /SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|PRIVATE|CREDENTIAL|API_?KEY|ACCESS_?KEY|DSN|AUTH/i;

/** The same text without the values of the model that look like secrets: whatever a program prints, they are in no sentence. */
export function withoutSecrets(text: string, model: ComposeModel, env: Readonly<Record<string, string>> = {}): string {
  const secrets = new Set<string>();
  // Programs print a text of several lines line by line.
  const add = (secret: string) => {
    if (secret.length >= 3) secrets.add(secret);
    if (secret.includes("\n")) for (const line of secret.split("\n")) if (line.trim().length >= 8) secrets.add(line.trim());
  };
  for (const service of Object.values(asObject(model.services))) {
    const { environment, build } = asObject(service);
    for (const variables of [asObject(environment), asObject(asObject(build ?? null).args)]) {
      for (const [key, value] of Object.entries(variables)) {
        if (typeof value === "string" && (secretKey.test(key) || /:\/\/[^/\s]*:[^/\s]*@/.test(value))) add(value);
        if (typeof value === "string") add(/:\/\/[^/\s:@]*:([^/\s@]*)@/.exec(value)?.[1] ?? "");
      }
    }
  }
  for (const source of Object.values(asObject(model.secrets)).concat(Object.values(asObject(model.configs)))) {
    const { content } = asObject(source);
    if (typeof content === "string") add(content);
  }
  for (const value of Object.values(shellOf(model, env))) add(value);
  const names = publicNames(model);
  return [...secrets]
    .sort((a, b) => b.length - a.length)
    .reduce((clean, secret) => {
      const isPlainWord = secret.length < 8 || names.some((name) => name.includes(secret));
      return isPlainWord ? withoutPassword(clean, secret) : clean.replaceAll(secret, "•••");
    }, text);
}

/** What every sentence about the stack has in it: a password that is one of them is no secret by itself, and the sentence must stay readable. */
function publicNames(model: ComposeModel): string[] {
  const sections = [model.services, model.networks, model.volumes, model.secrets, model.configs].map((section) => asObject(section));
  const images = Object.values(asObject(model.services)).map((service) => asObject(service).image);
  return [model.name, ...sections.flatMap((section) => Object.keys(section)), ...images].filter((name) => typeof name === "string");
}

/** A word that is also a password is left out where it stands as one: in a URL, or after a key or an option that says so. */
function withoutPassword(text: string, secret: string): string {
  const word = secret.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const key = `(?:PASS|${secretKey.source})[\\w-]{0,64}["']?\\s{0,4}[=:\\s]\\s{0,4}["']?`;
  return text
    .replace(new RegExp(`(://[^/\\s@:]*:)${word}(?=@)`, "g"), "$1•••")
    .replace(new RegExp(`(${key})${word}(?![\\w-])`, "gi"), "$1•••");
}
