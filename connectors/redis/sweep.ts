/** Truncate and the end of a snapshot: rows of a table below a version go, and late writes below it stay out. */
import { unlessRejected } from '../../src/sdk/target/held-row.ts';
import { rowOfKey } from '../../src/sdk/target/row-image.ts';
import type { Form } from './config.ts';
import type { Group } from './groups.ts';
import { SWEEP_HASH } from './hash-script.ts';
import { SWEEP_MEMBER } from './member-script.ts';
import { MEMBER_PREFIX, memberKey, ROW_PREFIX, rowKey, versionText } from './names.ts';
import type { Session } from './row-calls.ts';
import { scan } from './scan.ts';
import { RAISE, type Script } from './scripts.ts';
import type { TargetTable } from './tables.ts';
import { SWEEP_VALUE } from './value-script.ts';

export interface Sweep {
  readonly below: bigint;
  /** Keys of rows that stay, as in `Change.key`. */
  readonly spared: readonly string[];
}

/**
 * Walks over the keys of the database that start like the table's. A repeat of a sweep that was cut short goes over all of
 * them again; one that was done before is not repeated.
 */
export async function sweep(session: Session, table: TargetTable, as: Form, { below, spared }: Sweep): Promise<void> {
  const names = namesOf(table, as, spared);
  for (const group of session.groups) await sweepGroup(group, table, as, { below, spared: names }, session.signal);
}

interface GroupSweep {
  readonly below: bigint;
  /** Keys that the walk is to pass over. */
  readonly spared: ReadonlySet<string>;
}

async function sweepGroup(
  group: Group,
  table: TargetTable,
  as: Form,
  { below, spared }: GroupSweep,
  signal: AbortSignal,
) {
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
    const { keys, members } = candidates(spared.size === 0 ? found : found.filter((name) => !spared.has(name)));
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

/** What the walk finds of these rows. */
function namesOf({ source, key, member }: TargetTable, as: Form, rows: readonly string[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const row of rows) {
    // A row that has no place in Redis is not there either.
    const name = unlessRejected(() => {
      const columns = rowOfKey(source, row);
      const { text } = key.keyOf(columns);
      if (member !== null) return memberKey(text, member.keyOf(columns).text);
      return as === 'hash' ? text : rowKey(text);
    });
    if (name !== null) names.add(name);
  }
  return names;
}

/** Key and member that a member's memory is of. */
function partsOf(memory: string): readonly [key: string, member: string] {
  const text = Buffer.from(memory.slice(MEMBER_PREFIX.length));
  const colon = text.indexOf(':');
  const end = colon + 1 + Number(text.toString('latin1', 0, colon));
  return [text.toString('utf8', colon + 1, end), text.toString('utf8', end)];
}
