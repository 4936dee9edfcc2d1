/** Truncate and the end of a snapshot: rows of a table below a version go, and late writes below it stay out. */
import type { Form } from './config.ts';
import type { Group } from './groups.ts';
import { SWEEP_HASH } from './hash-script.ts';
import { SWEEP_MEMBER } from './member-script.ts';
import { MEMBER_PREFIX, ROW_PREFIX, versionText } from './names.ts';
import type { Session } from './row-calls.ts';
import { scan } from './scan.ts';
import { RAISE, type Script } from './scripts.ts';
import type { TargetTable } from './tables.ts';
import { SWEEP_VALUE } from './value-script.ts';

/**
 * Walks over the keys of the database that start like the table's. A repeat of a sweep that was cut short goes over all of
 * them again; one that was done before is not repeated.
 */
export async function sweep(session: Session, table: TargetTable, as: Form, below: bigint): Promise<void> {
  for (const group of session.groups) await sweepGroup(group, table, as, below, session.signal);
}

async function sweepGroup(group: Group, table: TargetTable, as: Form, below: bigint, signal: AbortSignal) {
  const { connection, offsets } = group;
  const bounds = await group.bounds(table, signal);
  if (below <= bounds.swept) return;
  const version = versionText(below);
  const raise = (field: string) =>
    connection.run(signal, RAISE, [offsets.key, group.stateKey(table)], [offsets.writer, field, version, table.name]);
  // Invariant 7: the floor first, so that a sweep cut short lets nothing back in.
  await raise('floor');
  if (bounds.floor < below) bounds.floor = below;
  const { script, prefix, candidates } = walkOf(as, table.key.prefixOf(group.index));
  for await (const found of scan(group, prefix, '', signal)) {
    const { keys, members } = candidates(found);
    if (keys.length > 0)
      await connection.run(signal, script, [offsets.key, ...keys], [offsets.writer, table.id, version, ...members]);
  }
  await raise('swept');
  bounds.swept = below;
}

interface Walk {
  readonly script: Script;
  readonly prefix: string;
  /** Keys of the script and, for sets, the members that belong to them. */
  readonly candidates: (found: readonly string[]) => {
    readonly keys: readonly string[];
    readonly members: readonly string[];
  };
}

function walkOf(as: Form, prefix: string): Walk {
  if (as === 'hash') return { script: SWEEP_HASH, prefix, candidates: (keys) => ({ keys, members: [] }) };
  if (as === 'json' || as === 'string') {
    const pairs = (found: readonly string[]) => found.flatMap((memory) => [memory.slice(ROW_PREFIX.length), memory]);
    return {
      script: SWEEP_VALUE,
      prefix: ROW_PREFIX + prefix,
      candidates: (found) => ({ keys: pairs(found), members: [] }),
    };
  }
  const candidates = (found: readonly string[]) => {
    const own = found
      .map((memory) => [memory, ...partsOf(memory)] as const)
      .filter(([, key]) => key.startsWith(prefix));
    return { keys: own.flatMap(([memory, key]) => [key, memory]), members: own.map(([, , member]) => member) };
  };
  return { script: SWEEP_MEMBER, prefix: MEMBER_PREFIX, candidates };
}

/** Key and member that a member's memory is of. */
function partsOf(memory: string): readonly [key: string, member: string] {
  const text = Buffer.from(memory.slice(MEMBER_PREFIX.length));
  const colon = text.indexOf(':');
  const end = colon + 1 + Number(text.toString('latin1', 0, colon));
  return [text.toString('utf8', colon + 1, end), text.toString('utf8', end)];
}
