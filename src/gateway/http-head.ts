// HTTP/1.1 heads, read strictly: what two parsers could understand in two ways is refused, never guessed. Pure.

/** A head that must not be passed on. `status` is what a client that sent it is told. */
export class MalformedHttp extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface HeaderField {
  /** Lower case. */
  name: string;
  value: string;
  /** As received, without line end. */
  line: string;
}

/** How a message's body is delimited. */
export type Framing = { kind: "none" } | { kind: "length"; length: number } | { kind: "chunked" } | { kind: "close" };

export interface RequestHead {
  method: string;
  /** Origin form (`/path?query`) or `*`. */
  target: string;
  http10: boolean;
  /** The one Host header, as received. */
  host: string;
  fields: HeaderField[];
  /** Names listed in `Connection`, lower case. */
  connection: string[];
  framing: Framing;
}

export interface ResponseHead {
  status: number;
  /** With everything behind the version: `200 OK`. */
  statusText: string;
  http10: boolean;
  fields: HeaderField[];
  connection: string[];
  framing: Framing;
}

/** `text`: a request's head in latin1, without the empty line that ends it. Throws `MalformedHttp`. */
export function parseRequestHead(text: string): RequestHead {
  const lineEnd = text.indexOf("\r\n");
  const match = requestLine.exec(lineEnd === -1 ? text : text.slice(0, lineEnd));
  if (!match) throw new MalformedHttp(400, "The request line is malformed.");
  const [, method = "", rawTarget = "", version = ""] = match;
  if (version !== "1.1" && version !== "1.0") throw new MalformedHttp(505, `HTTP/${version} is not supported.`);
  const http10 = version === "1.0";
  const parsed = parseFields(text, lineEnd);
  const host = parsed.single("host");
  if (host === null || !hostValue.test(host)) throw new MalformedHttp(400, "The request needs exactly one valid Host header.");
  return {
    method,
    target: originForm(method, rawTarget, host),
    http10,
    host,
    fields: parsed.fields,
    connection: parsed.connection,
    framing: requestFraming(parsed, http10),
  };
}

/** `text`: a response's head in latin1. `method`: of the request it answers. Throws `MalformedHttp`. */
export function parseResponseHead(text: string, method: string): ResponseHead {
  const lineEnd = text.indexOf("\r\n");
  const match = statusLine.exec(lineEnd === -1 ? text : text.slice(0, lineEnd));
  if (!match) throw new MalformedHttp(502, "The status line is malformed.");
  const status = Number(match[2]);
  const parsed = parseFields(text, lineEnd);
  const http10 = match[1] === "0";
  const framing = responseFraming({ parsed, status, method, http10 });
  return { status, statusText: `${match[2]} ${match[3] ?? ""}`, http10, fields: parsed.fields, connection: parsed.connection, framing };
}

const requestLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}) ([\x21-\x7e\x80-\xff]+) HTTP\/(\d\.\d)$/;
const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
/** Also refuses a bare CR or LF, NUL, a folded line and white space before the colon. */
const fieldLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/;
const hostValue = /^(?:[A-Za-z0-9._~%!$&'()*+,;=-]+|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?$/;
const lengthValue = /^\d{1,15}$/;
const maxFields = 1000;

interface Fields {
  fields: HeaderField[];
  connection: string[];
  /** The value of a field that may stand only once; null when absent. Throws when it stands twice. */
  single(name: string): string | null;
  values(name: string): string[];
}

function parseFields(text: string, lineEnd: number): Fields {
  const fields: HeaderField[] = [];
  const connection: string[] = [];
  let from = lineEnd === -1 ? text.length : lineEnd + 2;
  while (from < text.length) {
    let to = text.indexOf("\r\n", from);
    if (to === -1) to = text.length;
    const line = text.slice(from, to);
    const match = fieldLine.exec(line);
    if (!match || fields.length === maxFields)
      throw new MalformedHttp(400, match ? "There are too many headers." : "A header line is malformed.");
    const name = (match[1] ?? "").toLowerCase();
    const value = (match[2] ?? "").trimEnd();
    if (name === "connection") for (const item of value.toLowerCase().split(",")) connection.push(item.trim());
    fields.push({ name, value, line });
    from = to + 2;
  }
  const values = (name: string) => fields.filter((field) => field.name === name).map((field) => field.value);
  const single = (name: string) => {
    const found = values(name);
    if (found.length > 1) throw new MalformedHttp(400, `The header ${name} stands more than once.`);
    return found[0] ?? null;
  };
  return { fields, connection, single, values };
}

/** The absolute form is accepted when it says the same as Host; everything that is not a path is no business of a gateway. */
function originForm(method: string, target: string, host: string): string {
  if (target.startsWith("/") || (target === "*" && method === "OPTIONS")) return target;
  const match = /^http:\/\/([^/?#]+)([/?].*)?$/i.exec(target);
  if (method === "CONNECT" || !match) throw new MalformedHttp(400, "The request target must be a path.");
  if ((match[1] ?? "").toLowerCase() !== host.toLowerCase()) throw new MalformedHttp(400, "The request target and the Host header differ.");
  const path = match[2] ?? "/";
  return path.startsWith("/") ? path : `/${path}`;
}

function requestFraming(parsed: Fields, http10: boolean): Framing {
  const coding = parsed.single("transfer-encoding");
  const length = parsed.single("content-length");
  if (coding !== null) {
    if (length !== null) throw new MalformedHttp(400, "The request has both Content-Length and Transfer-Encoding.");
    if (http10) throw new MalformedHttp(400, "HTTP/1.0 has no Transfer-Encoding.");
    if (coding.toLowerCase() !== "chunked") throw new MalformedHttp(501, "The only supported Transfer-Encoding is chunked.");
    return { kind: "chunked" };
  }
  if (length === null) return { kind: "none" };
  if (!lengthValue.test(length)) throw new MalformedHttp(400, "The Content-Length is malformed.");
  return { kind: "length", length: Number(length) };
}

function responseFraming(input: { parsed: Fields; status: number; method: string; http10: boolean }): Framing {
  const { parsed, status, method } = input;
  const codings = parsed.values("transfer-encoding");
  const lengths = new Set(parsed.values("content-length"));
  const [length] = lengths;
  if (lengths.size > 1 || (length !== undefined && !lengthValue.test(length)))
    throw new MalformedHttp(502, "The Content-Length is malformed.");
  if (codings.length > 0 && length !== undefined)
    throw new MalformedHttp(502, "The response has both Content-Length and Transfer-Encoding.");
  if (method === "HEAD" || status < 200 || status === 204 || status === 304) return { kind: "none" };
  if (codings.length > 0) {
    if (codings.length > 1 || codings[0]?.toLowerCase() !== "chunked" || input.http10) {
      throw new MalformedHttp(502, "The only supported Transfer-Encoding is chunked.");
    }
    return { kind: "chunked" };
  }
  return length === undefined ? { kind: "close" } : { kind: "length", length: Number(length) };
}
