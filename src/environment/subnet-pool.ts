// Which subnets the networks of containers get. Docker's own pools hold about thirty networks; ours are small and hold thousands. Pure.

/** As in `10.192.0.0/12`: both ends included. */
interface Range {
  first: number;
  last: number;
}

/** Tried in this order: a VPN that takes all of 10.0.0.0/8 leaves the others. */
const pools = ["10.192.0.0/12", "172.28.0.0/14", "192.168.192.0/18"];
const prefix = 26;
const size = 2 ** (32 - prefix);

/**
 * The first free subnet from a place that `seed` gives, so that two worlds on one machine rarely want the same at the same moment; null when none is
 * left. `taken`: what leases, networks and routes of the machine have; what is no IPv4 subnet is passed over.
 */
export function freeSubnet(taken: Iterable<string>, seed: number): string | null {
  const ranges = [...taken].flatMap((text) => parseSubnet(text) ?? []);
  for (const pool of pools) {
    const { first, last } = parseSubnet(pool) as Range;
    const count = (last - first + 1) / size;
    for (let step = 0; step < count; step++) {
      const start = first + ((seed + step) % count) * size;
      if (!ranges.some((range) => range.first <= start + size - 1 && start <= range.last)) return `${dotted(start)}/${prefix}`;
    }
  }
  return null;
}

/** An address of it is in one of the others. */
export function isTaken(subnet: string, others: Iterable<string>): boolean {
  const own = parseSubnet(subnet);
  if (!own) return false;
  return [...others].some((text) => {
    const range = parseSubnet(text);
    return range !== null && range.first <= own.last && own.first <= range.last;
  });
}

/** null for what is not `a.b.c.d/n`. */
export function parseSubnet(text: string): Range | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text.trim());
  if (!match) return null;
  const [a, b, c, d, bits] = match.slice(1).map(Number) as [number, number, number, number, number];
  if ([a, b, c, d].some((part) => part > 255) || bits > 32) return null;
  const length = 2 ** (32 - bits);
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  const first = address - (address % length);
  return { first, last: first + length - 1 };
}

function dotted(address: number): string {
  return [2 ** 24, 2 ** 16, 2 ** 8, 1].map((unit) => Math.floor(address / unit) % 256).join(".");
}
