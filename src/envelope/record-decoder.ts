/**
 * Record bytes → change. The value is scanned once for the places of its parts; columns become values when they are asked for.
 * Records in our own layout take a short way (columns in the schema's order, the rest equal to the record before), any other
 * order of members is read as well.
 */
import type { SchemaStore } from '../contracts/envelope.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { LogRecord } from '../contracts/log.ts';
import type { Change, Op } from '../contracts/row.ts';
import { JsonScanner, malformed, parseJson, stringOf } from './json-scanner.ts';
import { type OriginFacts, ReadPlan } from './read-plan.ts';
import { RecordHeaders } from './record-headers.ts';
import { RowPlaces } from './row-places.ts';
import { RowView } from './row-view.ts';
import { OP_AT } from './table-template.ts';
import { positionText } from './transaction-part.ts';

const OPS: { readonly [letter: string]: Op } = { c: 'insert', u: 'update', d: 'delete', r: 'snapshot', t: 'truncate' };
const MARKERS: readonly string[] = ['snapshot-begin', 'snapshot-end'] satisfies Op[];
/** Columns tried in order before one is looked up by name. */
const LOOK_AHEAD = 16;
const LETTER_N = 0x6e;
const VERSION = /^\d{1,19}$/;

const text = (value: string) => new TextEncoder().encode(value);
const START = text('{"before":');
const THEN_AFTER = text(',"after":');
const BEFORE = text('"before"');
const AFTER = text('"after"');
const OP = text('"op"');
const SOURCE = text('"source"');
const DROPPED = text('"dropped"');
const MARKER = text('"marker"');
const TIME_US = text('"ts_us"');
const TRANSACTION = text('"txId"');
const POSITION = text('"lsn"');
const NULL = text('null');

/** Parts of the value being read; one object, overwritten for each record. */
interface Parts {
  before: RowView | null;
  after: RowView | null;
  letter: string;
  origin: OriginFacts | null;
  dropped: boolean;
  sweepBelow: bigint | null;
}

export class RecordDecoder {
  readonly #scanner = new JsonScanner();
  readonly #headers = new RecordHeaders();
  readonly #places = new RowPlaces();
  readonly #plans = new WeakMap<SchemaStore, Map<number, ReadPlan>>();
  readonly #parts: Parts = {
    before: null,
    after: null,
    letter: '',
    origin: null,
    dropped: false,
    sweepBelow: null,
  };

  /** Null for a tombstone. Throws `rule.failed` for bytes that are not ours, `source.unsupported` for an unknown schema. */
  decode(record: LogRecord, schemas: SchemaStore): Change | null {
    const { stored } = record;
    if (stored === undefined) return this.#decodeParts(record, schemas);
    const { keyAt, keyLength, valueAt, valueLength } = stored;
    if (valueLength < 0) return null;
    const plan = this.#begin(record, schemas);
    const bytes = asBuffer(stored.bytes);
    const parts = this.#read(plan, bytes, valueAt, valueAt + valueLength);
    return this.#change(plan, parts, keyLength < 0 ? 'null' : bytes.toString('utf8', keyAt, keyAt + keyLength));
  }

  #decodeParts(record: LogRecord, schemas: SchemaStore): Change | null {
    const { key, value } = record;
    if (value === null) return null;
    const plan = this.#begin(record, schemas);
    const parts = this.#read(plan, asBuffer(value), 0, value.length);
    return this.#change(plan, parts, key === null ? 'null' : asBuffer(key).toString());
  }

  #begin(record: LogRecord, schemas: SchemaStore): ReadPlan {
    if (this.#headers.read(record)) return this.#planOf(schemas);
    throw new TailraceError('rule.failed', 'a record does not have the headers of a change', {
      remedy: 'let nobody but Tailrace write to this topic',
    });
  }

  #planOf(schemas: SchemaStore): ReadPlan {
    let plans = this.#plans.get(schemas);
    if (plans === undefined) this.#plans.set(schemas, (plans = new Map()));
    const { schemaHigh, schemaLow } = this.#headers;
    const known = plans.get(schemaHigh);
    if (known?.schemaLow === schemaLow) return known;
    const id = this.#headers.schemaId;
    const table = schemas.get(id);
    if (table === undefined) {
      throw new TailraceError(
        'source.unsupported',
        `a record names schema ${id}, which its schemas topic does not have`,
      );
    }
    const plan = new ReadPlan(table, schemaLow);
    plans.set(schemaHigh, plan);
    return plan;
  }

  #read(plan: ReadPlan, bytes: Buffer, start: number, end: number): Parts {
    const scanner = this.#scanner;
    const parts = this.#parts;
    parts.before = null;
    parts.after = null;
    parts.letter = '';
    parts.origin = null;
    parts.dropped = false;
    parts.sweepBelow = null;
    scanner.reset(bytes, start, end);
    let tailAt = -1;
    let more = true;
    if (scanner.matches(START)) {
      parts.before = this.#row(plan);
      if (scanner.matches(THEN_AFTER)) {
        parts.after = this.#row(plan);
        tailAt = scanner.at;
        parts.origin = plan.recall(bytes, tailAt, end);
        if (parts.origin !== null) {
          parts.letter = String.fromCharCode(bytes[tailAt + OP_AT]!);
          return parts;
        }
      }
      more = scanner.nextMember();
    } else {
      more = scanner.openObject();
    }
    for (; more; more = scanner.nextMember()) this.#member(plan, parts);
    if (!scanner.isAtEnd || parts.origin === null) throw malformed(scanner.at);
    if (tailAt >= 0 && !parts.dropped && parts.sweepBelow === null) plan.remember(bytes, tailAt, end, parts.origin);
    return parts;
  }

  #member(plan: ReadPlan, parts: Parts): void {
    const scanner = this.#scanner;
    const { bytes } = scanner;
    scanner.skipSpace();
    if (scanner.acceptName(OP)) parts.letter = stringOf(bytes, scanner.skipValue(), scanner.at);
    else if (scanner.acceptName(SOURCE)) parts.origin = this.#origin();
    else if (scanner.acceptName(BEFORE)) parts.before = this.#row(plan);
    else if (scanner.acceptName(AFTER)) parts.after = this.#row(plan);
    else if (scanner.acceptName(DROPPED)) parts.dropped = parseJson(bytes, scanner.skipValue(), scanner.at) === true;
    else if (scanner.acceptName(MARKER))
      parts.sweepBelow = sweepBelowOf(parseJson(bytes, scanner.skipValue(), scanner.at));
    else {
      scanner.skipName();
      scanner.skipValue();
    }
  }

  /** A side; null for null. */
  #row(plan: ReadPlan): RowView | null {
    const scanner = this.#scanner;
    scanner.skipSpace();
    if (scanner.bytes[scanner.at] === LETTER_N) {
      if (!scanner.matches(NULL)) throw malformed(scanner.at);
      return null;
    }
    const { columns } = plan.table;
    const first = this.#places.take(columns.length);
    const places = this.#places.slab;
    if (!scanner.knownObject(plan.heads, places, first)) this.#anyObject(plan, places, first);
    return new RowView(columns, scanner.bytes, places, first);
  }

  #anyObject(plan: ReadPlan, places: Int32Array, first: number): void {
    const scanner = this.#scanner;
    places.fill(-1, first, first + plan.names.length * 2);
    let next = 0;
    for (let more = scanner.openObject(); more; more = scanner.nextMember()) {
      const column = this.#column(plan, next);
      places[first + column * 2] = scanner.skipValue();
      places[first + column * 2 + 1] = scanner.at;
      next = column + 1;
    }
  }

  /** Steps over a member's name and returns its column, most likely `next` or, where columns were not sent, soon after. */
  #column(plan: ReadPlan, next: number): number {
    const scanner = this.#scanner;
    scanner.skipSpace();
    const stop = Math.min(plan.names.length, next + LOOK_AHEAD);
    for (let column = next; column < stop; column++) if (scanner.acceptName(plan.names[column]!)) return column;
    const column = plan.columnOf(scanner.name());
    if (column === undefined) throw malformed(scanner.at);
    return column;
  }

  #origin(): OriginFacts {
    const scanner = this.#scanner;
    const { bytes } = scanner;
    let timeUs: unknown = null;
    let transaction: unknown = null;
    let position: unknown = null;
    for (let more = scanner.openObject(); more; more = scanner.nextMember()) {
      scanner.skipSpace();
      if (scanner.acceptName(TIME_US)) timeUs = parseJson(bytes, scanner.skipValue(), scanner.at);
      else if (scanner.acceptName(TRANSACTION)) transaction = parseJson(bytes, scanner.skipValue(), scanner.at);
      else if (scanner.acceptName(POSITION)) position = parseJson(bytes, scanner.skipValue(), scanner.at);
      else {
        scanner.skipName();
        scanner.skipValue();
      }
    }
    if (!Number.isSafeInteger(timeUs)) throw malformed(scanner.at);
    return {
      timeUs: timeUs as number,
      position: positionText(position),
      transaction: typeof transaction === 'string' || typeof transaction === 'number' ? String(transaction) : '',
    };
  }

  #change(plan: ReadPlan, parts: Parts, key: string): Change {
    const { before, after, letter, dropped, sweepBelow } = parts;
    const { timeUs, position, transaction } = parts.origin!;
    const op = letter === 'm' ? markerOf(key) : OPS[letter];
    const needsAfter = op === 'insert' || op === 'update' || op === 'snapshot';
    if (op === undefined || needsAfter !== (after !== null)) throw malformed(0);
    const change: Change = {
      op,
      table: plan.table,
      version: this.#headers.version,
      timeUs,
      key,
      before,
      after,
      position,
      transaction,
    };
    if (!dropped && sweepBelow === null) return change;
    return { ...change, ...(dropped && { dropped }), ...(sweepBelow !== null && { sweepBelow }) };
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function markerOf(key: string): Op | undefined {
  const bytes = Buffer.from(key);
  const kind = (parseJson(bytes, 0, bytes.length) as { readonly $marker?: unknown } | null)?.$marker;
  return typeof kind === 'string' && MARKERS.includes(kind) ? (kind as Op) : undefined;
}

function sweepBelowOf(marker: unknown): bigint | null {
  const version = (marker as { readonly sweepBelow?: unknown } | null)?.sweepBelow;
  if (version === undefined) return null;
  if (typeof version !== 'string' || !VERSION.test(version)) throw malformed(0);
  return BigInt(version);
}
