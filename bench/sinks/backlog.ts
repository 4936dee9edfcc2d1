/**
 * A log on disk with one topic of changes, written as a source would write them, for sinks to be measured on.
 *
 * inserts: a snapshot of new rows in chunks of 20,000. mixed: transactions of 100 changes over a range of keys, of ten
 * about five updates, three inserts, two deletes.
 */
import type { Log } from '../../src/contracts/log.ts';
import type { RowOp, RowWriter } from '../../src/contracts/row.ts';
import type { TableDescription } from '../../src/contracts/schema.ts';
import { createEnvelope } from '../../src/envelope/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { openLog } from '../../src/log/embedded-log.ts';
import { sourceCheckpoint } from '../../src/pipeline/checkpoint-names.ts';

export const SOURCE = 'bench';
export const TABLE: TableDescription = {
  source: SOURCE,
  schema: 'public',
  table: 'items',
  columns: [
    { name: 'id', kind: 'int64', native: 'bigint', nullable: false, keyOrdinal: 1 },
    { name: 'a', kind: 'int32', native: 'integer', nullable: true },
    { name: 'b', kind: 'text', native: 'text', nullable: true },
  ],
};

export interface Change {
  readonly op: RowOp;
  readonly id: number;
  readonly a: number;
}

/** 20 characters, as the value of column `b`. */
export const textOf = ({ id }: { readonly id: number }): string => String(id).padStart(20, 'x');

const CHUNK = 20_000;
const TRANSACTION = 100;

export function inserts(rows: number): Change[] {
  return Array.from({ length: rows }, (_, i) => ({ op: 'r', id: i + 1, a: i % 1000 }));
}

/** @param keys upper bound of the key range; half of it is inserted first and not part of what is measured */
export function mixed(changes: number, keys: number): { readonly before: Change[]; readonly changes: Change[] } {
  const live = new Set<number>();
  const before: Change[] = [];
  for (let id = 1; id <= keys; id += 2) {
    before.push({ op: 'r', id, a: 0 });
    live.add(id);
  }
  // Numerical Recipes' generator: the same changes in each run.
  let state = 1;
  const random = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % below;
  };
  const list: Change[] = [];
  while (list.length < changes) {
    const id = 1 + (random(keys * 16) % keys);
    const there = live.has(id);
    const wanted = (random(160) >> 4) as number;
    const op: RowOp = there ? (wanted < 3 ? 'd' : 'u') : 'c';
    if (op === 'd') live.delete(id);
    else live.add(id);
    list.push({ op, id, a: list.length % 1_000 });
  }
  return { before, changes: list };
}

function writeRow(writer: RowWriter, change: Change): void {
  const texts = [String(change.id), String(change.a), textOf(change)].map((text) => Buffer.from(text));
  writer.begin(change.op);
  writer.side(change.op === 'd' ? 'before' : 'after');
  for (const [i, text] of texts.entries()) {
    if (change.op === 'd' && i > 0) writer.unchanged(i);
    else writer.text(i, text, 0, text.length);
  }
  writer.end();
}

export async function writeBacklog(dir: string, changes: readonly Change[]): Promise<void> {
  const log = await openLog({ dir, clock: systemClock, random: Math.random, log: () => {} });
  await appendBacklog(log, changes);
  await log.close();
}

/** Writes the changes, rows `r` as one snapshot in chunks, others in transactions. */
export async function appendBacklog(log: Log, changes: readonly Change[]): Promise<void> {
  const name = sourceCheckpoint(SOURCE);
  const epoch = await log.fence(name);
  const encoder = createEnvelope({ productVersion: 'bench' }).encoder({
    source: SOURCE,
    version: log.checkpoints.get(name) ?? null,
    now: () => systemClock.now(),
    connector: 'bench',
    transform: null,
  });
  const table = encoder.register(TABLE);
  const writer = encoder.writer(table);
  const commit = async () => {
    for (const topic of encoder.newTopics()) await log.topics.ensure(topic.name, { partitions: 1, cleanup: 'compact' });
    const transaction = log.begin(name, epoch);
    for (const { topic, partition, bytes } of encoder.take()) await transaction.append(topic, partition, bytes);
    transaction.checkpoint(name, encoder.version());
    await transaction.commit();
  };
  const begin = (kind: 'snapshot' | 'stream', i: number) =>
    encoder.begin({ id: String(i), kind, timeUs: Date.now() * 1_000, position: `0/${i.toString(16)}` });
  for (let i = 0; i < changes.length; ) {
    const kind = changes[i]!.op === 'r' ? 'snapshot' : 'stream';
    const end = Math.min(changes.length, i + (kind === 'snapshot' ? CHUNK : TRANSACTION));
    begin(kind, i);
    for (; i < end; i++) writeRow(writer, changes[i]!);
    encoder.end();
    if (encoder.pendingBytes > 1 << 20 || i === changes.length) await commit();
  }
}
