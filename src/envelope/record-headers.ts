/**
 * The headers of a record of a table topic, always these two in this order:
 *
 *     tr-version  8 bytes, big-endian: version of the record
 *     tr-schema   8 bytes: id of the schema that its rows have
 */
import type { LogRecord, StoredRecord } from '../contracts/log.ts';
import { readUint32, writeUint32 } from '../lib/bytes.ts';
import { type GrowingBuffer, RecordBatchBuilder } from '../wire/record-batch.ts';
import type { VersionClock } from './version-clock.ts';

export const VERSION = 'tr-version';
const SCHEMA = 'tr-schema';
const VALUE_BYTES = 8;

/** Header bytes of a record of this schema; `writeRecordHeaders` puts the version in. */
export function headerTemplate(schemaId: string): Uint8Array {
  const builder = new RecordBatchBuilder();
  builder.writeHeaders([
    { key: VERSION, value: new Uint8Array(VALUE_BYTES) },
    { key: SCHEMA, value: Buffer.from(schemaId, 'hex') },
  ]);
  return Uint8Array.from(builder.bytes.subarray(0, builder.at));
}

/** One byte each: header count, name length; then the name and the length of the value. */
const VERSION_AT = 2 + VERSION.length + 1;
const LAYOUT = headerTemplate('0'.repeat(2 * VALUE_BYTES));
const SCHEMA_AT = LAYOUT.length - VALUE_BYTES;

export function writeRecordHeaders(out: GrowingBuffer, template: Uint8Array, version: VersionClock): void {
  out.reserve(template.length);
  const { bytes, at } = out;
  bytes.set(template, at);
  writeUint32(bytes, at + VERSION_AT, version.high);
  writeUint32(bytes, at + VERSION_AT + 4, version.low);
  out.at = at + template.length;
}

const SCRATCH = new DataView(new ArrayBuffer(8));

/** Halves of the 64-bit values of both headers; kept and overwritten, so that reading a record allocates nothing for them. */
export class RecordHeaders {
  versionHigh = 0;
  versionLow = 0;
  schemaHigh = 0;
  schemaLow = 0;

  /** False when a header is missing or of another length. The last of repeated ones counts. */
  read(record: LogRecord): boolean {
    const { stored } = record;
    return (stored !== undefined && this.#readStored(stored)) || this.#readAny(record.headers);
  }

  /** False when they are not the two in their order. */
  #readStored({ bytes, headersAt }: StoredRecord): boolean {
    for (let i = 0; i < LAYOUT.length; i++) {
      const isValue = (i >= VERSION_AT && i < VERSION_AT + VALUE_BYTES) || i >= SCHEMA_AT;
      if (!isValue && bytes[headersAt + i] !== LAYOUT[i]) return false;
    }
    this.versionHigh = readUint32(bytes, headersAt + VERSION_AT);
    this.versionLow = readUint32(bytes, headersAt + VERSION_AT + 4);
    this.schemaHigh = readUint32(bytes, headersAt + SCHEMA_AT);
    this.schemaLow = readUint32(bytes, headersAt + SCHEMA_AT + 4);
    return true;
  }

  #readAny(headers: LogRecord['headers']): boolean {
    let hasVersion = false;
    let hasSchema = false;
    for (const { key, value } of headers) {
      if (value?.length !== VALUE_BYTES) continue;
      if (key === VERSION) {
        this.versionHigh = readUint32(value, 0);
        this.versionLow = readUint32(value, 4);
        hasVersion = true;
      } else if (key === SCHEMA) {
        this.schemaHigh = readUint32(value, 0);
        this.schemaLow = readUint32(value, 4);
        hasSchema = true;
      }
    }
    return hasVersion && hasSchema;
  }

  get version(): bigint {
    SCRATCH.setUint32(0, this.versionHigh);
    SCRATCH.setUint32(4, this.versionLow);
    return SCRATCH.getBigUint64(0);
  }

  get schemaId(): string {
    return [this.schemaHigh, this.schemaLow].map((half) => half.toString(16).padStart(8, '0')).join('');
  }
}
