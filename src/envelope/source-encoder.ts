/**
 * Encodes what one source sends: rows and markers into batches, schemas before the first record that names them. After a
 * throw it may hold half a record: it is dropped then, and the source read again with a new one.
 */
import type { NewTopic, OpenSnapshots, SourceEncoder, SourceEncoderOptions } from '../contracts/envelope.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { PendingBatch } from '../contracts/log.ts';
import type { Change, RowWriter } from '../contracts/row.ts';
import type { TableMemory } from '../contracts/row-memory.ts';
import { keyColumns, type TableDescription, type TableSchema } from '../contracts/schema.ts';
import type { SourceMarker, SourceTransaction } from '../contracts/source.ts';
import { canonicalSchema, schemaIdOf } from '../lib/schema-id.ts';
import { ChangeWriter } from './change-writer.ts';
import { DirectRowWriter } from './direct-row-writer.ts';
import { EncoderSession } from './encoder-session.ts';
import { writeMarker } from './marker-record.ts';
import { MessageRecords } from './message-records.ts';
import { Outbox, TopicChannel } from './outbox.ts';
import { schemaKey } from './schema-record.ts';
import { TableRecords } from './table-records.ts';
import { type SourceFacts, tableTemplate } from './table-template.ts';
import { schemasTopicOf, topicOf } from './topic-name.ts';
import { TransformingRowWriter } from './transforming-row-writer.ts';

/** All that is kept for one table version. */
interface TableState {
  readonly records: TableRecords;
  readonly writer: RowWriter;
  readonly memory: TableMemory | null;
  /** Takes changes as they are. */
  readonly changes: ChangeWriter;
  /** Its rows are messages: nothing of the table is written but them. */
  readonly isMessages?: true;
}

export class EnvelopeEncoder implements SourceEncoder {
  readonly #options: SourceEncoderOptions;
  readonly #facts: SourceFacts;
  readonly #session: EncoderSession;
  readonly #outbox = new Outbox();
  readonly #schemas: TopicChannel;
  readonly #messages: MessageRecords;
  /** Last version of each table as registered. */
  readonly #registered = new Map<string, TableSchema>();
  /** By schema id. */
  readonly #states = new Map<string, TableState>();
  readonly #channels = new Map<string, { readonly owner: string; readonly channel: TopicChannel }>();
  /** The open snapshot of each table. */
  readonly #snapshots: Map<string, OpenSnapshots[string]>;

  constructor(options: SourceEncoderOptions, productVersion: string) {
    const { source, version, now, connector, database = '', warn = () => {} } = options;
    this.#options = options;
    this.#snapshots = new Map(Object.entries(options.snapshots ?? {}));
    this.#facts = { productVersion, connector, source, database };
    this.#session = new EncoderSession({ version, now, warn });
    this.#messages = new MessageRecords({
      source: options.topics ?? source,
      session: this.#session,
      channelOf: (topic) => this.#channel(topic, 'messages', 'messages'),
      warn,
    });
    this.#schemas = new TopicChannel(schemasTopicOf(options.topics ?? source), 'schemas', this.#outbox);
  }

  register(table: TableDescription): TableSchema {
    const name = qualifiedName(table);
    const known = this.#registered.get(name);
    if (known !== undefined && known.columns === table.columns && known.source === table.source) return known;
    const id = schemaIdOf(canonicalSchema(table));
    if (known?.id === id) return known;
    const { source, schema, columns } = table;
    const registered: TableSchema = { id, source, schema, table: table.table, columns };
    this.#registered.set(name, registered);
    this.#channelOf(registered);
    return registered;
  }

  writer(table: TableSchema): RowWriter {
    return this.#stateOf(table).writer;
  }

  begin(transaction: SourceTransaction): void {
    this.#session.begin(transaction);
  }

  end(): void {
    this.#session.end();
  }

  marker(marker: SourceMarker): void {
    const { serial, clock } = this.#session;
    if (serial === 0) throw new TailraceError('internal.bug', 'a marker was written outside a transaction');
    const { records, memory, isMessages } = this.#stateOf(marker.table);
    // Of messages there is nothing to truncate or to sweep.
    const write = isMessages === true ? () => {} : writeMarker;
    if (marker.op === 'truncate') {
      memory?.clear();
      write(records, marker, null);
      return;
    }
    const name = qualifiedName(marker.table);
    if (marker.op === 'snapshot-begin') {
      write(records, marker, null);
      this.#snapshots.set(name, { snapshot: marker.snapshot, version: String(clock.value()) });
      return;
    }
    const begun = this.#snapshots.get(name);
    if (begun?.snapshot !== marker.snapshot) {
      throw new TailraceError('internal.bug', 'a snapshot ended that had not begun');
    }
    this.#snapshots.delete(name);
    write(records, marker, BigInt(begun.version));
  }

  write(change: Change): void {
    const { op, table, version } = change;
    // Invariant 7: what the change was before is not newer than what it is now.
    this.#session.clock.atLeast(version);
    if (op === 'truncate') this.marker({ op, table });
    else if (op === 'snapshot-begin') this.marker({ op, table, snapshot: String(version) });
    else if (op === 'snapshot-end') this.#endSnapshot(change);
    else this.#stateOf(table).changes.write(change);
  }

  /** Of one whose beginning was not written here, what it swept before is swept: versions have only risen. */
  #endSnapshot({ table, version, sweepBelow = version }: Change): void {
    const name = qualifiedName(table);
    const begun = this.#snapshots.get(name) ?? { snapshot: String(version), version: String(sweepBelow) };
    this.#snapshots.set(name, begun);
    this.marker({ op: 'snapshot-end', table, snapshot: begun.snapshot });
  }

  get pendingBytes(): number {
    return this.#outbox.pendingBytes;
  }

  take(): readonly PendingBatch[] {
    return this.#outbox.take();
  }

  newTopics(): readonly NewTopic[] {
    return this.#outbox.newTopics();
  }

  version(): string {
    return String(this.#session.clock.value());
  }

  openSnapshots(): OpenSnapshots {
    return Object.fromEntries(this.#snapshots);
  }

  #stateOf(table: TableSchema): TableState {
    const known = this.#states.get(table.id);
    if (known !== undefined) return known;
    const state = this.#newState(table);
    this.#states.set(table.id, state);
    return state;
  }

  #newState(table: TableSchema): TableState {
    const session = this.#session;
    const transform = this.#options.transform?.(table) ?? null;
    const schema = transform?.output ?? table;
    const channel = this.#channelOf(table);
    const isMessages = transform?.messages !== undefined;
    const isKept = !isMessages && keyColumns(schema).length > 0;
    const memory = isKept ? (this.#options.memory?.table(channel.topic, schema) ?? null) : null;
    const template = tableTemplate(schema, this.#facts, memory?.columns);
    const records = new TableRecords(session, channel, template, () => this.#announce(schema));
    const counts = this.#options.counts?.(`${table.schema}.${table.table}`) ?? null;
    const writer = new DirectRowWriter(records, memory, transform === null ? counts : null);
    const changes = new ChangeWriter(template, writer);
    if (transform === null) return { records, writer, memory, changes };
    const input = tableTemplate(table, this.#facts);
    const output = { output: template, writer, memory };
    const messages = isMessages ? this.#messages : null;
    const transforming = new TransformingRowWriter({ session, input, transform, counts, messages, ...output });
    return { records, writer: transforming, memory, changes, ...(isMessages && { isMessages }) };
  }

  /** All versions of a table share one channel. */
  #channelOf(table: TableSchema): TopicChannel {
    const { source, topics = source } = this.#options;
    const topic = topicOf(topics, table.schema, table.table);
    return this.#channel(topic, `table ${qualifiedName(table)}`, 'rows');
  }

  /** @param owner what is written there, for messages */
  #channel(topic: string, owner: string, holds: 'rows' | 'messages'): TopicChannel {
    const known = this.#channels.get(topic);
    if (known?.owner === owner) return known.channel;
    if (known !== undefined) {
      throw new TailraceError('config.invalid', `${known.owner} and ${owner} would share topic ${topic}`, {
        remedy: 'capture one of them with another source, or let messages name other topics',
      });
    }
    const channel = new TopicChannel(topic, holds, this.#outbox);
    this.#channels.set(topic, { owner, channel });
    return channel;
  }

  #announce(schema: TableSchema): void {
    const { timestampMs } = this.#session;
    this.#schemas.ready(timestampMs);
    this.#schemas.builder.append(timestampMs, Buffer.from(schemaKey(schema)), Buffer.from(canonicalSchema(schema)));
    this.#schemas.closed();
  }
}

/** Unambiguous, also where names hold dots. */
function qualifiedName({ schema, table }: TableDescription): string {
  return `${JSON.stringify(schema)}.${JSON.stringify(table)}`;
}
