/** A source whose updates leave out columns, with what is kept of them, over a log in memory. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { SourceEncoder } from '../../src/contracts/envelope.ts';
import type { PartitionInfo } from '../../src/contracts/log.ts';
import type { Change } from '../../src/contracts/row.ts';
import type { Column, TableDescription, TableSchema } from '../../src/contracts/schema.ts';
import { Rehydration, type RehydrationOptions, type UnbrokenSince } from '../../src/pipeline/rehydrate/rehydration.ts';
import { SchemaFeed } from '../../src/pipeline/schema-feed.ts';
import { envelope, newEncoder, type SentRow, writeRow } from './encoded.ts';
import { ManualClock } from './manual-clock.ts';
import { MemoryLog } from './memory-log.ts';
import { ROW, VALUE } from './unsent-rows.ts';

const WRITER = 'source/shop';
export const TOPIC = 'shop.public.t';
export const COLUMNS = 3;

// JSON text has two bytes more than these values.
const unsent = { aboveBytes: VALUE + 2, aboveRowBytes: ROW };
export const textColumn = (name: string, more: Partial<Column> = {}): Column => ({
  name,
  kind: 'text',
  native: 'text',
  nullable: true,
  unsent,
  ...more,
});
const id: Column = { name: 'id', kind: 'int32', native: 'integer', nullable: false, keyOrdinal: 1 };
export const tableOf = (...columns: Column[]): TableDescription => ({
  source: 'shop',
  schema: 'public',
  table: 't',
  columns: [id, ...columns],
});
export const TABLE = tableOf(...Array.from({ length: COLUMNS }, (_, i) => textColumn(`c${i}`)));

export interface Session {
  readonly kept: Rehydration;
  readonly encoder: SourceEncoder;
  readonly table: TableSchema;
}

export class RehydrationWorld {
  readonly log = new MemoryLog();
  readonly clock = new ManualClock();
  /** The store's file. */
  readonly path: string;
  since: UnbrokenSince = {};
  readonly wanted: RehydrationOptions['wanted'] = new Map();
  #epoch = 0;

  /** Removed with the test. */
  constructor() {
    const dir = mkdtempSync(join(tmpdir(), 'tailrace-columns-'));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    this.path = join(dir, 'columns', 'shop.db');
  }

  /** @param described what the source says of its tables now */
  async open(table: TableDescription = TABLE, described: readonly TableDescription[] = [table]): Promise<Session> {
    const { log, clock, since, path } = this;
    this.#epoch = await log.fence(WRITER);
    await log.topics.ensure('shop.__schemas', { partitions: 1, cleanup: 'compact' });
    await log.topics.ensure(TOPIC, { partitions: 1, cleanup: 'compact' });
    const context = { log, envelope, clock, logger: () => {}, failpoint: () => {} };
    const { signal } = new AbortController();
    const kept = await Rehydration.open(
      { ...context, path, cacheBytes: 1 << 20, source: 'shop', since, tables: described, wanted: this.wanted },
      signal,
    );
    const encoder = newEncoder({ memory: kept });
    return { kept, encoder, table: encoder.register(table) };
  }

  /** One source transaction; it is durable, or lost. */
  async write({ kept, encoder, table }: Session, rows: readonly SentRow[] | 'truncate', isLost = false): Promise<void> {
    const kind = rows !== 'truncate' && rows[0]?.op === 'r' ? 'snapshot' : 'stream';
    encoder.begin({ id: '1', kind, timeUs: 1, position: '0/1' });
    if (rows === 'truncate') encoder.marker({ op: 'truncate', table });
    else for (const row of rows) writeRow(encoder.writer(table), row);
    encoder.end();
    const batches = encoder.take();
    if (isLost) return;
    const transaction = this.log.begin(WRITER, this.#epoch);
    for (const { topic, partition, bytes } of batches) void transaction.append(topic, partition, bytes);
    kept.committed(await transaction.commit());
  }

  get end(): bigint {
    return this.log.topics.get(TOPIC)!.partitions[0]!.endOffset;
  }

  /** Values of the rows of the log, without their keys; undefined: not sent. */
  async rows(): Promise<(string | null | undefined)[][]> {
    return (await this.#changes())
      .filter(({ after }) => after !== null)
      .map(({ after }) =>
        after!.columns.slice(1).map((_, i) => {
          const bytes = after!.bytes(i + 1);
          return bytes === undefined ? undefined : (JSON.parse(Buffer.from(bytes).toString()) as string | null);
        }),
      );
  }

  async #changes(): Promise<Change[]> {
    const feed = new SchemaFeed(this.log, envelope, ['shop']);
    await feed.catchUp();
    const start = this.log.topics.get(TOPIC)!.partitions[0]!.startOffset;
    const batches = await this.log.read(TOPIC, 0, start, 1 << 30);
    return batches.flatMap((batch) =>
      [...batch.records()].flatMap((record) => envelope.decode(record, feed.store) ?? []),
    );
  }

  /** What the topic's partition says of itself is changed. */
  tell(facts: Partial<PartitionInfo>): void {
    const { get } = this.log.topics;
    this.log.topics.get = (name) => {
      const info = get(name);
      if (name !== TOPIC || info === undefined) return info;
      return { ...info, partitions: [{ ...info.partitions[0]!, ...facts }] };
    };
  }
}
