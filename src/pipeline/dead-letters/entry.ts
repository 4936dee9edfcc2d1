/**
 * One entry of a pipeline's topic of dead letters, as JSON. Part of the on-disk format: fields are added, never renamed.
 *
 * Key: the id. An entry replaces the one before it; bytes of the record stay until nobody waits for it any more.
 */
import { createHash } from 'node:crypto';
import type {
  DeadLetterAct,
  DeadLetterRecord,
  DeadLetterState,
  DeadLetterSummary,
} from '../../contracts/dead-letters.ts';
import { classOf, TailraceError } from '../../contracts/errors.ts';
import type { LogRecord, TopicPartition } from '../../contracts/log.ts';
import type { ShownBytes } from '../../contracts/operations.ts';
import { type Change, NOT_SENT } from '../../contracts/row.ts';

/** base64 */
type Bytes = string | null;

export interface EntryBytes {
  readonly key: Bytes;
  readonly value: Bytes;
  readonly headers: readonly (readonly [name: string, value: Bytes])[];
  /** Sent by a retry instead of `value`. */
  readonly edited?: Bytes;
}

export interface Entry extends Partial<EntryBytes> {
  readonly state: DeadLetterState;
  /** What it holds back: the row within its topic; null when the record could not be decoded. */
  readonly row: string | null;
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  /** Of the record, ms since 1970. */
  readonly timestamp: number;
  readonly version: string | null;
  /** Not every column was sent. */
  readonly isPartial: boolean;
  readonly code: string;
  readonly class: string;
  readonly step: string | null;
  readonly message: string;
  readonly detail: string | null;
  readonly attempts: number;
  /** First refused, and this entry written; ms since 1970. */
  readonly first: number;
  readonly at: number;
  /** While `retrying`: the offset of its record in the topic of retries. */
  readonly retry?: string;
  readonly acts: readonly DeadLetterAct[];
}

/** Acts kept of one letter: the oldest go first. */
const MAX_ACTS = 50;

/** One record that was refused, with its bytes. */
export interface RefusedRecord extends TopicPartition {
  readonly offset: bigint;
  readonly raw: LogRecord;
  readonly change: Change | null;
}

/** What dead letters are held by: the row, within its topic. */
export function rowName(topic: string, change: Change): string {
  return `${topic} ${change.key}`;
}

/** True when the change says everything about its row: a delete, a marker, or a row with all columns sent. */
export function isWhole({ after }: Change): boolean {
  return after === null || after.columns.every((_, index) => after.get(index) !== NOT_SENT);
}

export function newEntry(record: RefusedRecord, state: 'open' | 'held', error: unknown, now: number): Entry {
  const { topic, partition, offset, raw, change } = record;
  return {
    state,
    row: change === null ? null : rowName(topic, change),
    topic,
    partition,
    offset: String(offset),
    timestamp: raw.timestamp,
    version: change === null ? null : String(change.version),
    isPartial: change !== null && !isWhole(change),
    ...causeOf(error),
    attempts: 1,
    first: now,
    at: now,
    acts: [],
    key: base64(raw.key),
    value: base64(raw.value),
    headers: raw.headers.map(({ key, value }) => [key, base64(value)] as const),
  };
}

/** Invariant 12: `detail` alone may hold row values. */
export function causeOf(error: unknown): Pick<Entry, 'code' | 'class' | 'step' | 'message' | 'detail'> {
  const known = error instanceof TailraceError ? error : null;
  return {
    code: known?.code ?? 'internal.bug',
    class: classOf(error),
    step: known?.step ?? null,
    message: known?.message ?? 'the record could not be decoded',
    detail: known?.detail ?? (error instanceof Error ? error.message : null),
  };
}

export function withAct(
  entry: Entry,
  act: DeadLetterAct['act'],
  now: number,
  by: string | null,
  note: string | null,
): Entry {
  const acts = [...entry.acts, { act, atMs: now, by, note }].slice(-MAX_ACTS);
  return { ...entry, acts, at: now };
}

/** Nobody waits for it any more: what it was and what became of it stays, the row does not. */
export function ended(entry: Entry, state: 'resolved' | 'superseded' | 'discarded'): Entry {
  const { key: _key, value: _value, headers: _headers, edited: _edited, retry: _retry, ...rest } = entry;
  return { ...rest, state, detail: null };
}

export function isWaiting({ state }: Pick<Entry, 'state'>): boolean {
  return state === 'open' || state === 'held' || state === 'retrying';
}

/** In the order of the log. */
export function byVersion(a: Pick<Entry, 'version' | 'offset'>, b: Pick<Entry, 'version' | 'offset'>): number {
  const [first, second] = [BigInt(a.version ?? -1), BigInt(b.version ?? -1)];
  if (first !== second) return first < second ? -1 : 1;
  return BigInt(a.offset) < BigInt(b.offset) ? -1 : 1;
}

/** Entries of the first format had neither version nor acts, and of a superseded one only its state. */
export function readEntry(id: string, value: Uint8Array): Entry {
  const entry = JSON.parse(Buffer.from(value).toString()) as Partial<Entry> & Pick<Entry, 'state'>;
  const place = placeOf(id);
  const at = entry.at ?? 0;
  const unknown = { row: null, timestamp: at, version: null, isPartial: false, code: 'sink.rejected', class: 'poison' };
  const rest = { step: null, message: '', detail: null, attempts: 1, first: at, at, acts: [] };
  return { ...unknown, ...rest, ...place, ...entry };
}

function placeOf(id: string): Pick<Entry, 'topic' | 'partition' | 'offset'> {
  const [, topic = '', partition = '0', offset = '0'] = /^[^/]*\/[^/]*\/(.*)-(\d+)-(\d+)$/s.exec(id) ?? [];
  return { topic, partition: Number(partition), offset };
}

export const idOf = (sink: string, { topic, partition }: TopicPartition, offset: bigint | string) =>
  `${sink}/${topic}-${partition}-${offset}`;

/** Pipeline and sink of an id; null when it is none. */
export function ownerOf(id: string): { readonly pipeline: string; readonly sink: string } | null {
  const [, pipeline, sink] = /^([^/]+)\/([^/]+)\/.+-\d+-\d+$/s.exec(id) ?? [];
  return pipeline === undefined || sink === undefined ? null : { pipeline, sink };
}

export function summaryOf(id: string, entry: Entry): DeadLetterSummary {
  const { state, topic, partition, offset, version, code, message, step, attempts, first, at } = entry;
  const sink = ownerOf(id)?.sink ?? '';
  const cause = createHash('sha256')
    .update(JSON.stringify([sink, code, message, step, topic]))
    .digest('hex')
    .slice(0, 8);
  return {
    id,
    sink,
    state,
    topic,
    partition,
    offset,
    version,
    cause,
    code,
    class: entry.class,
    message,
    step,
    attempts,
    firstMs: first,
    lastMs: at,
    isEdited: entry.edited !== undefined || entry.acts.some(({ act }) => act === 'edit'),
  };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function recordOf(id: string, entry: Entry): DeadLetterRecord {
  const { acts, detail, timestamp, key = null, value = null, headers = [], edited = null } = entry;
  return {
    ...summaryOf(id, entry),
    acts,
    detail,
    timestamp,
    key: shown(key),
    value: shown(value),
    headers: headers.map(([name, bytes]) => ({ key: name, value: shown(bytes) })),
    edited: shown(edited),
  };
}

/** Exact: what is no UTF-8 text stays base64 (Invariant 9). */
function shown(bytes: Bytes): ShownBytes {
  if (bytes === null) return null;
  try {
    return utf8.decode(Buffer.from(bytes, 'base64'));
  } catch {
    return { $bytes: bytes };
  }
}

/** A record of a letter, as bytes. @param edited what somebody wrote instead, if there is such a thing */
export function bytesIn({ key = null, value = null, headers = [], edited }: EntryParts, original = false) {
  return {
    key: bytesOf(key),
    value: bytesOf(original ? value : (edited ?? value)),
    headers: headers.map(([name, bytes]) => ({ key: name, value: bytesOf(bytes) })),
  };
}

type EntryParts = Partial<EntryBytes>;

/** Of a record in the topic of retries: the letter whose record it is. */
const LETTER_HEADER = 'tr-letter';

/** A letter on its way to the sink again. */
export function retryOf(id: string, entry: Entry, by: string | null = null, now = entry.at) {
  const { key, value, headers } = bytesIn(entry);
  const record = { key, value, headers: [...headers, { key: LETTER_HEADER, value: Buffer.from(id) }] };
  return { id, entry: { ...withAct(entry, 'retry', now, by, null), state: 'retrying' as const }, record };
}

/** Where a retried record stands in the log, and its letter. */
export interface RetryOrigin extends TopicPartition {
  readonly id: string;
  readonly offset: bigint;
}

/** Of a record in the topic of retries. */
export function originOf({ headers }: Pick<LogRecord, 'headers'>): RetryOrigin | undefined {
  const value = headers.findLast(({ key }) => key === LETTER_HEADER)?.value;
  if (value == null) return undefined;
  const id = Buffer.from(value).toString();
  const { topic, partition, offset } = placeOf(id);
  return { id, topic, partition, offset: BigInt(offset) };
}

export function base64(bytes: Uint8Array | null): Bytes {
  return bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}

function bytesOf(bytes: Bytes): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes, 'base64');
}
