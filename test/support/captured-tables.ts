/** A PostgreSQL source at work as the runtime runs it, into a log on disk, and what the log then says of its tables. */
import { source as postgres } from '../../connectors/postgres/index.ts';
import type { SourceOptions } from '../../connectors/postgres/names.ts';
import type { Change, Row } from '../../src/contracts/row.ts';
import type { StepSource } from '../../src/contracts/rules.ts';
import { createEnvelope } from '../../src/envelope/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { type EmbeddedLog, openLog } from '../../src/log/embedded-log.ts';
import { SchemaFeed } from '../../src/pipeline/schema-feed.ts';
import { SourceTask } from '../../src/pipeline/source-task.ts';
import { tableTopic } from '../../src/pipeline/table-topic.ts';
import { createRules } from '../../src/rules/index.ts';

export const envelope = createEnvelope({ productVersion: '0' });
const READ_BYTES = 1 << 20;

export interface CaptureSettings {
  readonly transform?: readonly StepSource[];
  readonly onGap?: 'stop' | 'resnapshot';
}

/** One opening of the log with the source at work on it. */
export class Capture {
  readonly log: EmbeddedLog;
  readonly task: SourceTask;
  readonly #options: SourceOptions;
  readonly #abort = new AbortController();
  /** What the source's task has resolved to. */
  readonly ended: Promise<unknown>;

  private constructor(log: EmbeddedLog, dir: string, options: SourceOptions, settings: CaptureSettings) {
    const { config, name, tables, instance, context } = options;
    this.log = log;
    this.#options = options;
    this.task = new SourceTask({
      plan: {
        name,
        manifest: postgres as never,
        config,
        tables,
        snapshot: 'initial',
        onGap: settings.onGap ?? 'stop',
        transform: settings.transform ?? [],
        path: [],
      },
      instance,
      log,
      envelope,
      rules: createRules(),
      rulesContext: { maskKey: 'key' },
      context,
      tableTopics: new Set(tables.map((table) => tableTopic(envelope, name, table))),
      maxBytes: 1 << 20,
      cacheBytes: 1 << 20,
      dataDir: dir,
      topicAdmin: log.admin.topics!,
      rulesOf: () => [],
    });
    this.ended = this.task.run(this.#abort.signal);
  }

  static async start(dir: string, options: SourceOptions, settings: CaptureSettings = {}): Promise<Capture> {
    return new Capture(
      await openLog({ dir, clock: systemClock, random: Math.random, log: () => {} }),
      dir,
      options,
      settings,
    );
  }

  /** Resolves when a record of the table satisfies the condition; throws when the source has stopped. */
  async until(table: string, condition: (change: Change) => boolean): Promise<void> {
    const stopped = this.ended.then((error) => {
      throw error ?? new Error('the source was stopped');
    });
    const topic = tableTopic(envelope, this.#options.name, table);
    const look = async () => {
      for (let offset = 0n; ; ) {
        const changes = await this.#read(topic, offset);
        if (changes.some(({ change }) => condition(change))) return;
        offset = this.log.topics.get(topic)?.partitions[0]?.endOffset ?? 0n;
        if (this.log.topics.get(topic) === undefined) await new Promise((resolve) => setImmediate(resolve));
        else await this.log.waitFor([{ topic, partition: 0, offset }], this.#abort.signal);
      }
    };
    await Promise.race([look(), stopped]);
  }

  async changes(table: string): Promise<Change[]> {
    return (await this.#read(tableTopic(envelope, this.#options.name, table), 0n)).map(({ change }) => change);
  }

  async #read(topic: string, from: bigint): Promise<{ offset: bigint; change: Change }[]> {
    const found: { offset: bigint; change: Change }[] = [];
    const feed = new SchemaFeed(this.log, envelope, [this.#options.name]);
    const end = this.log.topics.get(topic)?.partitions[0]?.endOffset ?? 0n;
    for (let next = from; next < end; ) {
      const batches = await this.log.read(topic, 0, next, READ_BYTES);
      await feed.catchUp();
      for (const batch of batches) {
        for (const record of batch.records()) {
          const change = envelope.decode(record, feed.store);
          if (change !== null) found.push({ offset: record.offset, change });
        }
        next = batch.nextOffset;
      }
    }
    return found;
  }

  async stop(): Promise<void> {
    this.#abort.abort(new Error('stopped'));
    await this.ended;
    await this.log.close();
  }
}

/** Columns of a side as JSON text; undefined for those that were not sent. */
export function texts(row: Row | null): Record<string, string | undefined> {
  if (row === null) return {};
  const entries = row.columns.map(({ name }, i) => {
    const bytes = row.bytes(i);
    return [name, bytes === undefined ? undefined : Buffer.from(bytes).toString()] as const;
  });
  return Object.fromEntries(entries);
}

/** The rows that a target holds that replaces whole rows. Throws at a row that is not whole. */
export function wholeRows(changes: readonly Change[]): Map<string, Record<string, string>> {
  const rows = new Map<string, Record<string, string>>();
  for (const { op, key, after } of changes) {
    if (op === 'truncate') rows.clear();
    else if (op === 'delete') rows.delete(key);
    else if (after !== null) {
      const row = texts(after);
      for (const [name, text] of Object.entries(row)) {
        if (text === undefined) throw new Error(`${op} of ${key}: ${name} was not sent`);
      }
      rows.set(key, row as Record<string, string>);
    }
  }
  return rows;
}
