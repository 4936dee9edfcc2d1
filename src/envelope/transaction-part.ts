/**
 * The end of every record's value: what all records of one source transaction share, but for their ordinals. Written once a
 * transaction, which may be a single row.
 */
import type { SourceTransaction } from '../contracts/source.ts';
import { GrowingBuffer } from '../wire/record-batch.ts';
import { DIGITS_BYTES, writeDigits } from './json-text.ts';

const HALF = 2 ** 32;
/** Integers that JSON.parse reads exactly. */
const PLAIN_INTEGER_DIGITS = 15;
const MICROSECONDS_DIGITS = 3;

const text = (value: string) => new TextEncoder().encode(value);
const STREAMED = text('"snapshot":"false",');
const SNAPSHOT = text('"snapshot":"true",');
const TS_MS = text('"ts_ms":');
const TS_US = text(',"ts_us":');
const TS_NS = text(',"ts_ns":');
const TX_ID = text(',"txId":');
const NULL = text('null');
const LSN = text(',"lsn":');
const END_SOURCE = text('},');
const TRANSACTION_ID = text(',"transaction":{"id":');
const TOTAL_ORDER = text(',"total_order":');
const NO_TRANSACTION = text(',"transaction":null}');
/** What stands between the ordinals of a record: the first follows the part, two braces the second. */
export const BETWEEN_ORDINALS = text(',"data_collection_order":');

export class TransactionPart {
  readonly #out = new GrowingBuffer();
  /** View of the part: kept while its length stays the same. */
  #view: Uint8Array = new Uint8Array();
  #nowMs = -1;
  #now: Uint8Array = new Uint8Array();

  /**
   * JSON text from `"snapshot":` inside `source` to the end of the value; for a streamed transaction to the place of the
   * first ordinal. Valid until the next call.
   * @param nowMs ms since 1970: when Tailrace read the transaction
   */
  write({ id, kind, timeUs, position }: SourceTransaction, nowMs: number): Uint8Array {
    const out = this.#out;
    const streamed = kind === 'stream';
    out.at = 0;
    out.write(streamed ? STREAMED : SNAPSHOT);
    writeTimes(out, timeUs);
    out.write(TX_ID);
    if (streamed) writeId(out, id);
    else out.write(NULL);
    out.write(LSN);
    writePosition(out, position);
    out.write(END_SOURCE);
    out.write(this.#timesOf(nowMs));
    if (streamed) {
      out.write(TRANSACTION_ID);
      writeString(out, id);
      out.write(TOTAL_ORDER);
    } else {
      out.write(NO_TRANSACTION);
    }
    const { bytes, at } = out;
    if (this.#view.length !== at || this.#view.buffer !== bytes.buffer) this.#view = bytes.subarray(0, at);
    return this.#view;
  }

  #timesOf(nowMs: number): Uint8Array {
    if (nowMs !== this.#nowMs) {
      const out = new GrowingBuffer();
      writeTimes(out, nowMs * 1_000);
      this.#now = out.bytes.subarray(0, out.at);
      this.#nowMs = nowMs;
    }
    return this.#now;
  }
}

/** One time in three units. @param timeUs non-negative safe integer */
function writeTimes(out: GrowingBuffer, timeUs: number): void {
  out.write(TS_MS);
  out.reserve(3 * DIGITS_BYTES + TS_US.length + TS_NS.length);
  const { bytes } = out;
  out.at = writeDigits(bytes, out.at, Math.floor(timeUs / 1_000));
  out.write(TS_US);
  const us = out.at;
  const end = writeDigits(bytes, us, timeUs);
  out.at = end;
  out.write(TS_NS);
  // As text: nanoseconds are no safe integers.
  for (let at = us; at < end; at++) bytes[out.at++] = bytes[at]!;
  for (let i = 0; i < MICROSECONDS_DIGITS && timeUs > 0; i++) bytes[out.at++] = 0x30;
}

/** A number where it stays exact in every reader, else a string. */
function writeId(out: GrowingBuffer, id: string): void {
  if (!isPlainInteger(id)) {
    writeString(out, id);
    return;
  }
  out.reserve(id.length);
  for (let i = 0; i < id.length; i++) out.bytes[out.at++] = id.charCodeAt(i);
}

function isPlainInteger(id: string): boolean {
  if (id.length === 0 || id.length > PLAIN_INTEGER_DIGITS || (id.length > 1 && id.charCodeAt(0) === 0x30)) return false;
  for (let i = 0; i < id.length; i++) if (id.charCodeAt(i) < 0x30 || id.charCodeAt(i) > 0x39) return false;
  return true;
}

function writeString(out: GrowingBuffer, value: string): void {
  const json = JSON.stringify(value);
  out.reserve(json.length * 3);
  out.at += out.bytes.write(json, out.at);
}

/** Debezium's readers expect a number where the source has log sequence numbers (PostgreSQL writes `16/B374D848`). */
function writePosition(out: GrowingBuffer, position: string): void {
  const slash = position.indexOf('/');
  const number = slash < 0 ? -1 : hexOf(position, 0, slash) * HALF + hexOf(position, slash + 1, position.length);
  if (!Number.isSafeInteger(number) || number < 0) {
    writeString(out, position);
    return;
  }
  out.reserve(DIGITS_BYTES);
  out.at = writeDigits(out.bytes, out.at, number);
}

/** Up to 8 upper-case hexadecimal digits without leading zeros; NaN for anything else. */
function hexOf(value: string, from: number, to: number): number {
  const digits = to - from;
  if (digits < 1 || digits > 8 || (digits > 1 && value.charCodeAt(from) === 0x30)) return Number.NaN;
  let number = 0;
  for (let i = from; i < to; i++) {
    const code = value.charCodeAt(i);
    const digit = code >= 0x30 && code <= 0x39 ? code - 0x30 : code >= 0x41 && code <= 0x46 ? code - 0x37 : Number.NaN;
    number = number * 16 + digit;
  }
  return number;
}

/** The position's text from its JSON value, exactly as it was given to `TransactionPart`. */
export function positionText(json: unknown): string {
  if (typeof json === 'string') return json;
  if (typeof json !== 'number' || !Number.isSafeInteger(json)) return '';
  const halves = [Math.floor(json / HALF), json % HALF];
  return halves.map((half) => half.toString(16).toUpperCase()).join('/');
}
