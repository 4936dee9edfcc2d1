/** Walks over the keys of a group. */
import { TailraceError } from '../../src/sdk/index.ts';
import type { Group } from './groups.ts';

const SCAN_KEYS = '1000';

/**
 * Keys that were there all the time, and some others, in lists of bounded size; a key may come twice. In a cluster the slot must stay
 * where it is meanwhile: keys that move are on neither node's list. Throws `sink.unreachable` when it does not.
 */
export async function* scan(
  { connection, slot }: Pick<Group, 'connection' | 'slot'>,
  prefix: string,
  suffix: string,
  signal: AbortSignal,
): AsyncGenerator<readonly string[]> {
  const pattern = `${escapeGlob(prefix)}*${escapeGlob(suffix)}`;
  if (slot !== null) await requireSettled(connection, slot, signal);
  let cursor = '0';
  do {
    const reply = await connection.call(signal, 'SCAN', cursor, 'MATCH', pattern, 'COUNT', SCAN_KEYS);
    const [next, found] = reply as [string, string[]];
    if (found.length > 0) yield found;
    cursor = next;
  } while (cursor !== '0');
  if (slot !== null) await requireSettled(connection, slot, signal);
}

/** The line of the node itself: `<id> <address> myself,master - 0 0 1 connected 0-5460 [93-<-<id>]`. */
async function requireSettled(connection: Group['connection'], slot: number, signal: AbortSignal): Promise<void> {
  const nodes = String(await connection.call(signal, 'CLUSTER', 'NODES'));
  const own = nodes.split('\n').find((line) => /\bmyself\b/.test(line));
  const ranges = own?.split(' ').slice(8) ?? [];
  const owned = ranges.some((range) => {
    const [from, to = from] = range.split('-').map(Number);
    return /^\d+(-\d+)?$/.test(range) && from! <= slot && slot <= to!;
  });
  const moves = ranges.some((range) => range.startsWith(`[${slot}-`));
  if (owned && !moves) return;
  throw new TailraceError('sink.unreachable', `the hash slot ${slot} is being moved away from ${connection.place}`, {
    remedy: 'nothing to do: the sink goes on when the slot has moved',
  });
}

export function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]^-]/g, '\\$&');
}
