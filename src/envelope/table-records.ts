/** Records of one table version: opens them, ends their values, gives them version, ordinals and headers. */
import type { RecordBatchBuilder } from '../wire/record-batch.ts';
import type { EncoderSession } from './encoder-session.ts';
import { writeDigits } from './json-text.ts';
import type { TopicChannel } from './outbox.ts';
import { writeRecordHeaders } from './record-headers.ts';
import { OP_AT, type TableTemplate } from './table-template.ts';
import { BETWEEN_ORDINALS } from './transaction-part.ts';

const CLOSE = 0x7d;
/** Two ordinals, what stands between them, and two braces. */
const END_BYTES = 64;
const FIRST_GAP = 32;

export class TableRecords {
  readonly session: EncoderSession;
  readonly template: TableTemplate;
  /** Of the topic's open batch. */
  readonly builder: RecordBatchBuilder;
  readonly #channel: TopicChannel;
  readonly #announce: () => void;
  #announced = false;
  /** Size of the last record's head. */
  #gap = FIRST_GAP;
  /** Transaction of the last record, and how many this table had in it. */
  #serial = 0;
  #ordinal = 0;
  /** Key of the last delete. */
  #tombstoneKey: Buffer = Buffer.alloc(64);

  /** @param announce called once, before the first record: writes the schema that the records name */
  constructor(session: EncoderSession, channel: TopicChannel, template: TableTemplate, announce: () => void) {
    this.session = session;
    this.template = template;
    this.builder = channel.builder;
    this.#channel = channel;
    this.#announce = announce;
  }

  /** Opens a record in the open transaction; its value's row sides come next. */
  open(): void {
    const { serial, timestampMs } = this.session;
    if (serial !== this.#serial) {
      this.#serial = serial;
      this.#ordinal = 0;
    }
    if (!this.#announced) {
      this.#announced = true;
      this.#announce();
    }
    this.#channel.ready(timestampMs);
    this.builder.openRecord(this.#gap);
  }

  /**
   * Ends the value, writes the headers and makes room for the key.
   * @param letter the operation, ASCII
   * @param keyBytes length of the key, -1 for null
   * @returns where the caller writes the key
   */
  close(letter: number, keyBytes: number): number {
    const { builder, session, template } = this;
    this.#writeTail(letter);
    const valueLength = builder.at - builder.valueAt;
    session.clock.advance();
    writeRecordHeaders(builder, template.headers, session.clock);
    const key = builder.closeRecord(session.timestampMs, keyBytes, valueLength);
    this.#gap = builder.lastGap;
    return key;
  }

  /** Call when the key is written. */
  done(): void {
    this.#channel.closed();
  }

  /** As `done`, for a delete: a tombstone of the same version follows, with which compaction can forget the row. */
  doneWithTombstone(keyAt: number, keyBytes: number): void {
    const { builder, session, template } = this;
    if (this.#tombstoneKey.length < keyBytes) this.#tombstoneKey = Buffer.alloc(keyBytes * 2);
    builder.bytes.copy(this.#tombstoneKey, 0, keyAt, keyAt + keyBytes);
    this.#channel.closed();
    this.#channel.ready(session.timestampMs);
    builder.openRecord(keyBytes + FIRST_GAP);
    writeRecordHeaders(builder, template.headers, session.clock);
    const at = builder.closeRecord(session.timestampMs, keyBytes, -1);
    this.#tombstoneKey.copy(builder.bytes, at, 0, keyBytes);
    this.#channel.closed();
  }

  #writeTail(letter: number): void {
    const { builder, session, template } = this;
    const { tail } = template;
    const { part } = session;
    builder.reserve(tail.length + part.length + END_BYTES);
    const { bytes } = builder;
    let { at } = builder;
    bytes.set(tail, at);
    bytes[at + OP_AT] = letter;
    at += tail.length;
    bytes.set(part, at);
    at += part.length;
    session.records++;
    this.#ordinal++;
    if (session.streamed) {
      at = writeDigits(bytes, at, session.records);
      bytes.set(BETWEEN_ORDINALS, at);
      at = writeDigits(bytes, at + BETWEEN_ORDINALS.length, this.#ordinal);
      bytes[at++] = CLOSE;
      bytes[at++] = CLOSE;
    }
    builder.at = at;
  }
}
