// The URL of a PostgreSQL server as libpq reads it ("Connection URIs" in its manual), over TCP or a unix socket. Pure.

export interface ServerUrl {
  /** Empty: not said. */
  user: string;
  password: string;
  /** A name or address without brackets, or the absolute directory of a socket. */
  host: string;
  port: number;
  /** Empty: not said. */
  database: string;
  /** What else stands behind `?`, such as `sslmode`; decoded. */
  parameters: [string, string][];
}

const looksLike = "It looks like `postgres://user:password@localhost:5432/app`.";
const encodeHint =
  "In a user, password or database these characters are written as %40 for @, %23 for #, %2F for /, %3A for :, %3F for ?, %25 for %.";
const defaultPort = 5432;

/** What it says, or the rest of a sentence about what is wrong, with a hint. */
export function parseServerUrl(text: string): ServerUrl | { problem: string; hint: string } {
  if (!/^postgres(ql)?:\/\//.test(text)) return { problem: "is not the URL of a PostgreSQL database.", hint: looksLike };
  if (text.includes("#")) return { problem: "has a # that is not encoded.", hint: encodeHint };
  if (/%(?![0-9a-f]{2})/i.test(text)) return { problem: "has a % that encodes nothing.", hint: encodeHint };
  // Where a host may be left out, `URL` gives up; it never reads what stands before the host differently.
  const parts = /^postgres(?:ql)?:\/\/(?:([^/?]*)@)?([^/?@]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(text);
  if (!parts) return { problem: "is not the URL of a PostgreSQL database.", hint: encodeHint };
  try {
    return readParts(parts);
  } catch {
    return { problem: "has characters that are not UTF-8 after decoding.", hint: encodeHint };
  }
}

function readParts([, login = "", place = "", database = "", query = ""]: RegExpExecArray): ServerUrl | { problem: string; hint: string } {
  const colon = login.indexOf(":");
  const said = readPlace(place);
  if (!said) return { problem: `has the host ${JSON.stringify(place)}, which is none.`, hint: `${looksLike} ${encodeHint}` };
  const read = (value: string) => decodeURIComponent(value);
  const url: ServerUrl = {
    user: read(colon === -1 ? login : login.slice(0, colon)),
    password: read(colon === -1 ? "" : login.slice(colon + 1)),
    ...said,
    database: read(database),
    parameters: [],
  };
  for (const pair of query.split("&").filter(Boolean)) {
    const at = pair.indexOf("=");
    const [name, value] = [read(at === -1 ? pair : pair.slice(0, at)), read(at === -1 ? "" : pair.slice(at + 1))];
    if (name === "host" || name === "hostaddr") url.host = value;
    else if (name === "port") url.port = Number(value);
    else if (name === "user") url.user = value;
    else if (name === "password") url.password = value;
    else if (name === "dbname") url.database = value;
    else url.parameters.push([name, value]);
  }
  if (`${url.host}${place}`.includes(","))
    return { problem: "names several hosts; worldtree works on one.", hint: "Name the primary server." };
  if (!url.host.startsWith("/") && !isName(url.host)) return { problem: "has a host that is none.", hint: looksLike };
  if (!Number.isInteger(url.port) || url.port < 1 || url.port > 65_535) return { problem: "has a port that is none.", hint: looksLike };
  if (!url.host) return { problem: "names no host.", hint: `${looksLike} For a socket: \`postgres:///app?host=/var/run/postgresql\`.` };
  if (/\0/.test(Object.values(url).join())) return { problem: "has a NUL character.", hint: looksLike };
  return url;
}

function readPlace(place: string): { host: string; port: number } | null {
  const [, six, plain = "", port] = /^(?:\[([0-9a-f:.%]+)\]|([^:[\]]*))(?::(\d*))?$/i.exec(place.replace(/,.*/, "")) ?? [];
  if (six === undefined && plain === "" && place !== "") return null;
  const host = decodeURIComponent(six ?? plain);
  return { host, port: port ? Number(port) : defaultPort };
}

/** A name, an IPv4 or an IPv6 address as far as their characters tell; empty is for who asks next. */
function isName(host: string): boolean {
  return /^[\p{L}\p{N}._-]*$/u.test(host) || /^[0-9a-f:.]+(%[\w.-]+)?$/i.test(host);
}

/** Everything encoded, so that every client reads the same. */
export function serverUrlText({ user, password, host, port, database, parameters }: ServerUrl): string {
  const login = user === "" && password === "" ? "" : `${encode(user)}${password === "" ? "" : `:${encode(password)}`}@`;
  const socket = host.startsWith("/");
  // Every client takes the directory from `host=`; a name before it keeps those that want one.
  const place = socket ? "localhost" : `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const all: [string, string][] = socket ? [["host", host], ["port", String(port)], ...parameters] : parameters;
  const query = all.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&");
  return `postgres://${login}${place}/${encode(database)}${query ? `?${query}` : ""}`;
}

export function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
