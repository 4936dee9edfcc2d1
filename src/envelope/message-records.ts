/**
 * Messages: records that are no changes, of topics that rows name (`RowTransform.messages`). Their first header is that of every
 * record of a source,
 *
 *     tr-version  8 bytes, big-endian: version of the record
 *
 * and those of the message follow. They name no schema.
 */
import { TailraceError } from '../contracts/errors.ts';
import type { Message } from '../contracts/rules.ts';
import type { TableSchema } from '../contracts/schema.ts';
import { writeUint32 } from '../lib/bytes.ts';
import type { EncoderSession } from './encoder-session.ts';
import type { TopicChannel } from './outbox.ts';
import { VERSION } from './record-headers.ts';
import { messageTopicOf } from './topic-name.ts';

/** Each takes memory and files: a topic for each row is a mistake. */
const MAX_TOPICS = 1_000;
const OWN_TOPIC = '__';

export interface MessageRecordsOptions {
  /** What the names of topics begin with. */
  readonly source: string;
  readonly session: EncoderSession;
  /** Throws for a topic that something else is written to. */
  readonly channelOf: (topic: string) => TopicChannel;
  readonly warn: (message: string) => void;
}

export class MessageRecords {
  readonly #options: MessageRecordsOptions;
  readonly #channels = new Map<string, TopicChannel>();
  readonly #updated = new Set<string>();

  constructor(options: MessageRecordsOptions) {
    this.#options = options;
  }

  /** In the open transaction. Throws `rule.failed` for a topic that cannot be. */
  write({ topic, key, value, headers }: Message): void {
    const { session } = this.#options;
    const channel = this.#channels.get(topic) ?? this.#open(topic);
    const { clock, timestampMs } = session;
    channel.ready(timestampMs);
    clock.advance();
    const version = new Uint8Array(8);
    writeUint32(version, 0, clock.high);
    writeUint32(version, 4, clock.low);
    channel.builder.append(timestampMs, key, value, [{ key: VERSION, value: version }, ...headers]);
    channel.closed();
    session.records++;
  }

  /** Says once of each table that updates of its rows make no messages. */
  warnOfUpdate({ schema, table }: TableSchema): void {
    const name = `${schema}.${table}`;
    if (this.#updated.has(name)) return;
    this.#updated.add(name);
    this.#options.warn(`rows of ${name} were updated: an outbox says only what is inserted, updates are left out`);
  }

  #open(topic: string): TopicChannel {
    if (topic.startsWith(OWN_TOPIC))
      throw unplaced('a message names a topic that begins with __, as those of Tailrace do');
    if (this.#channels.size === MAX_TOPICS) throw unplaced(`messages name more than ${MAX_TOPICS} topics`);
    const channel = this.#options.channelOf(messageTopicOf(this.#options.source, topic));
    this.#channels.set(topic, channel);
    return channel;
  }
}

/** Invariant 12: the name is a value of the row. */
function unplaced(message: string): TailraceError {
  return new TailraceError('rule.failed', message, {
    remedy: 'name topics by what is the same in many rows, such as the kind of what the message is about',
  });
}
