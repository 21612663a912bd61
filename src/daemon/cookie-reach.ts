// Which hosts a browser sends a cookie to: domain matching of RFC 6265, 5.1.3 and 5.3. Pure.

export interface SetCookie {
  /** The host whose answer sets it, lower case, without port. */
  host: string;
  /** The `Domain` attribute; null: there is none. */
  domain: string | null;
}

/** A browser keeps a cookie for a whole domain only below a registrable one; `localhost` is a single label, which counts as a public suffix. */
export function cookieReaches({ host, domain }: SetCookie, target: string): boolean {
  const wanted = domain?.replace(/^\./, "").toLowerCase() ?? "";
  if (wanted === "") return target === host;
  if (!within(host, wanted)) return false;
  // For a public suffix the attribute counts only on that very host, and then as if it were not there.
  if (!wanted.includes(".")) return wanted === host && target === host;
  return within(target, wanted);
}

/** `Domain` attributes with which a page of this host could try to get further: itself and everything above it. */
export function parentDomains(host: string): string[] {
  const labels = host.split(".");
  return labels.map((_, at) => labels.slice(at).join("."));
}

/** The `Domain` of a Set-Cookie header's value; null: none. The last one counts. */
export function domainOf(setCookie: string): string | null {
  const attributes = setCookie.split(";").slice(1);
  const found = attributes.map((each) => /^\s*domain\s*=\s*(.*?)\s*$/i.exec(each)?.[1]).filter((each) => each !== undefined);
  return found.at(-1) || null;
}

function within(host: string, domain: string): boolean {
  return host === domain || host.endsWith(`.${domain}`);
}
