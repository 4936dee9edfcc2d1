/**
 * Brings the store of a stage to where the stage stands: what lies between was read before, and is read once more without
 * sending anything. What is kept is decided by the last record of each row, so it is the same in whatever order topics are
 * read, and where compaction has removed records whose rows have changed since.
 */
import type { Envelope } from '../../contracts/envelope.ts';
import type { Log } from '../../contracts/log.ts';
import type { SchemaFeed } from '../schema-feed.ts';
import type { Chain } from './chain.ts';
import type { StageStore } from './stage-store.ts';

const READ_BYTES = 1 << 20;
/** Invariant 10: the store's transaction is ended beyond. */
const COMMIT_RECORDS = 50_000;
const COVER = 'cover';

/** What the store says of itself. */
interface Cover {
  /** Of the steps. */
  readonly steps: string;
  /** Opening of the log under which it was written. */
  readonly lineage: string;
  readonly positions: Readonly<Record<string, string>>;
}

/** Part of the transaction that is open. */
export function setCover(store: StageStore, log: Log, cover: Omit<Cover, 'lineage'>): void {
  store.setFact(COVER, JSON.stringify({ ...cover, lineage: log.lineage.current }));
}

/**
 * How far the store has followed the log; null: what it holds is of no use, for it is of other steps or of another log, it is
 * ahead, or deletes that it has not seen cannot be had any more.
 */
export function coverOf(
  store: StageStore,
  log: Log,
  steps: string,
  positions: Cover['positions'],
): Cover['positions'] | null {
  const saved = store.fact(COVER);
  if (saved === undefined) return {};
  const cover = JSON.parse(saved) as Cover;
  if (cover.steps !== steps) return null;
  const isUsable = Object.entries(cover.positions).every(([topic, text]) => {
    const next = BigInt(text);
    const info = log.topics.get(topic)?.partitions[0];
    if (info === undefined || !log.lineage.covers(cover.lineage, topic, 0, next)) return false;
    return next >= info.startOffset && next >= (info.deletesRemovedTo ?? 0n) && next <= BigInt(positions[topic] ?? 0);
  });
  return isUsable ? cover.positions : null;
}

export interface CatchUpOptions {
  readonly log: Log;
  readonly envelope: Envelope;
  readonly schemas: SchemaFeed;
  readonly store: StageStore;
  readonly chain: Chain;
  readonly steps: string;
  /** Where the stage stands. */
  readonly positions: Readonly<Record<string, string>>;
  readonly cover: Readonly<Record<string, string>>;
}

/** Resolves with the number of records read. Rejects with the signal's reason when it aborts. */
export async function catchUp(options: CatchUpOptions, signal: AbortSignal): Promise<number> {
  const { log, store, steps, positions } = options;
  const reached: Record<string, string> = { ...options.cover };
  let records = 0;
  let kept = 0;
  for (const [topic, text] of Object.entries(positions)) {
    const end = BigInt(text);
    const start = log.topics.get(topic)?.partitions[0]?.startOffset ?? end;
    for (let next = BigInt(reached[topic] ?? start); next < end; ) {
      signal.throwIfAborted();
      const read = await readOn(options, topic, next, end);
      if (read.next === next) break;
      records += read.records;
      next = read.next;
      reached[topic] = String(next);
      if (records - kept < COMMIT_RECORDS) continue;
      kept = records;
      setCover(store, log, { steps, positions: reached });
      store.commit();
    }
    reached[topic] = text;
  }
  setCover(store, log, { steps, positions: reached });
  store.commit();
  return records;
}

async function readOn(
  { log, envelope, schemas, chain }: CatchUpOptions,
  topic: string,
  from: bigint,
  end: bigint,
): Promise<{ next: bigint; records: number }> {
  const batches = await log.read(topic, 0, from, READ_BYTES);
  await schemas.catchUp();
  let records = 0;
  let next = from;
  for (const batch of batches) {
    for (const record of batch.records()) {
      if (record.offset < from || record.offset >= end) continue;
      records++;
      const change = envelope.decode(record, schemas.store);
      if (change !== null) for (const _ of chain.apply(change));
    }
    next = batch.nextOffset;
  }
  return { next, records };
}
