import { type ComposeObject, isObject, listOf, objectOf, textOf } from "./compose-model.ts";

export interface Mount {
  /** Place in the service's `volumes`. */
  index: number;
  type: string;
  /** Key of a volume, or a path; null: anonymous. */
  source: string | null;
  target: string;
  /** Not where the files themselves get another SELinux label. */
  readOnly: boolean;
}

/** A service's mounts. Compose prints objects; the short form is read too, should a version print it. */
export function mountsOf(service: Readonly<ComposeObject>): Mount[] {
  return listOf(service.volumes).flatMap((entry, index) => {
    if (isObject(entry)) {
      const { type, source, target, read_only, bind } = entry;
      return [
        {
          index,
          type: textOf(type) ?? "volume",
          source: textOf(source),
          target: textOf(target) ?? "",
          readOnly: read_only === true && objectOf(bind).selinux === undefined,
        },
      ];
    }
    const text = textOf(entry);
    return text === null ? [] : [{ index, ...shortMount(text) }];
  });
}

function shortMount(text: string): Omit<Mount, "index"> {
  const [first = "", second, mode = ""] = text.split(":");
  const modes = mode.split(",");
  if (second === undefined) return { type: "volume", source: null, target: first, readOnly: false };
  return {
    type: /^[/.~]/.test(first) ? "bind" : "volume",
    source: first,
    target: second,
    readOnly: modes.includes("ro") && !modes.some((one) => /^z$/i.test(one)),
  };
}

/** Keys of the top-level `volumes:` that a service mounts. */
export function volumesOf(service: Readonly<ComposeObject>): string[] {
  return mountsOf(service).flatMap(({ type, source }) => (type === "volume" && source !== null ? [source] : []));
}

/** What `secrets:` or `configs:` of a service or a build name. */
export function sourcesOf(list: unknown): string[] {
  return listOf(list).flatMap((entry) => textOf(isObject(entry) ? entry.source : entry) ?? []);
}
