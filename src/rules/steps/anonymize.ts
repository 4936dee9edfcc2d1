/** Addresses of the internet without the part that tells one from its neighbours. */
import { isIPv4, isIPv6 } from 'node:net';

/** Groups of an IPv6 address that are kept: 48 bits, what a site is given. */
const KEPT_GROUPS = 3;

/** IPv4 without its last 8 bits, IPv6 without its last 80; null for anything else. */
export function withoutHost(text: string): string | null {
  if (isIPv4(text)) return text.replace(/\d+$/, '0');
  const [address] = text.split('%');
  if (!isIPv6(address!)) return null;
  const mapped = /^(.*:)(\d+\.\d+\.\d+)\.\d+$/.exec(address!);
  if (mapped !== null) return `${mapped[1]!.toLowerCase()}${mapped[2]}.0`;
  const kept = groupsOf(address!).slice(0, KEPT_GROUPS);
  while (kept.at(-1) === '0') kept.pop();
  return `${kept.join(':')}::`;
}

/** All eight, without leading zeros. */
function groupsOf(address: string): string[] {
  const [start, end] = address.toLowerCase().split('::');
  const groups = (text: string | undefined) => (text === undefined || text === '' ? [] : text.split(':'));
  const [before, after] = [groups(start), groups(end)];
  const missing = 8 - before.length - after.length;
  const all = end === undefined ? before : [...before, ...new Array<string>(missing).fill('0'), ...after];
  return all.map((group) => group.replace(/^0+(?=.)/, ''));
}
