/** What the task of a sink does with the records that its target refuses (DESIGN § 8). */
import type { DeadLetterPolicy } from '../../contracts/dead-letters.ts';
import { TailraceError } from '../../contracts/errors.ts';
import type { LogTransaction } from '../../contracts/log.ts';
import type { Change } from '../../contracts/row.ts';
import type { ReadRecord } from '../sink-reader.ts';
import { causeOf, type Entry, ended, idOf, isWhole, newEntry, retryOf, rowName, withAct } from './entry.ts';
import type { LetterStore, Retry, StoreOptions } from './store.ts';

/** Letters that wait, kept in memory without their bytes; above it the sink pauses (Invariant 10). */
const MAX_WAITING = 10_000;
const MINUTE_MS = 60_000;

export interface DeadLetter {
  readonly record: ReadRecord;
  readonly state: 'open' | 'held';
  readonly error: unknown;
}

export interface DeadLetterOptions extends Omit<StoreOptions, 'sent'> {
  readonly policy: DeadLetterPolicy;
  readonly maxPerMinute: number;
}

export class DeadLetters {
  readonly #options: DeadLetterOptions;
  readonly #store: LetterStore;
  readonly #recent: number[] = [];
  /** New ones since the process started. */
  total = 0;

  constructor(options: DeadLetterOptions, store: LetterStore) {
    this.#options = options;
    this.#store = store;
  }

  get waiting(): number {
    return this.#store.waiting.size;
  }

  /** First refusal of the oldest that waits, ms since 1970. */
  get oldestMs(): number | null {
    let oldest: number | null = null;
    for (const { entry } of this.#store.waiting.values()) oldest = Math.min(oldest ?? entry.first, entry.first);
    return oldest;
  }

  /** A refused record ends the sink's work, instead of becoming a dead letter. */
  get stops(): boolean {
    return this.#options.policy === 'stop';
  }

  /**
   * Before the first batch of a session. Retries below `retried` were flushed by a session that could not say so any more:
   * they are applied.
   */
  async load(retried: bigint): Promise<void> {
    await this.#store.load();
    await this.#store.turn(async () => {
      const applied = [...this.#store.waiting].filter(
        ([, { entry }]) => entry.state === 'retrying' && entry.retry !== undefined && BigInt(entry.retry) < retried,
      );
      await this.#store.write(applied.map(([id, { entry }]) => [id, this.#ended(entry, 'resolved')] as const));
    });
  }

  /**
   * Sends what was put behind letters that are out of the way now: every row of which nothing but held ones is left. After each
   * end of letters, and when a session begins.
   */
  async release(): Promise<void> {
    if (!this.#store.hasRows) return;
    await this.#store.turn(async () => {
      const retries: Retry[] = [];
      for (const id of this.#store.freed()) {
        const entry = await this.#store.whole(id);
        if (entry !== undefined) retries.push(retryOf(id, entry));
      }
      await this.#store.send(retries);
    });
  }

  /** False: the letter of a retried record was given up, superseded or sent another time meanwhile. */
  isCurrent(id: string, offset: bigint): boolean {
    const entry = this.#store.waiting.get(id)?.entry;
    return entry?.state === 'retrying' && entry.retry === String(offset);
  }

  /** Must this change wait behind a letter of its row, or behind one of `unwritten` (DESIGN § 8; Invariant 6)? */
  holds({ topic, origin }: ReadRecord, change: Change, unwritten: Set<string>): boolean {
    if (!this.#store.hasRows && unwritten.size === 0) return false;
    const row = rowName(origin?.topic ?? topic, change);
    if (!unwritten.has(row) && !this.#waitsFor(row, change, origin?.id)) return false;
    if (this.#blocksKey || !isWhole(change)) return true;
    unwritten.delete(row);
    return false;
  }

  /** Keys of rows of a topic whose newer state waits: a sweep below this version leaves them alone (DESIGN § 8). */
  keptKeys(topic: string, below: bigint): string[] {
    const keys = new Set<string>();
    for (const { entry } of this.#store.waiting.values()) {
      if (entry.topic === topic && entry.row !== null && versionOf(entry) >= below)
        keys.add(entry.row.slice(topic.length + 1));
    }
    return [...keys];
  }

  /** Makes the letters durable, and marks those superseded by the applied records; nothing to do is free. */
  async write(letters: readonly DeadLetter[], applied: readonly ReadRecord[]): Promise<void> {
    if (letters.length === 0 && this.#store.waiting.size === 0) return;
    await this.#store.turn(async () => {
      const fresh = letters.filter(({ record }) => record.origin === undefined);
      this.#guard(fresh.filter(({ state }) => state === 'open').length);
      const entries = new Map<string, Entry>(this.#superseded(applied));
      const newer = this.#newestWhole(applied);
      for (const letter of letters) {
        const [id, entry] = await this.#entry(letter);
        if (entry === null) continue;
        const isPointless = versionOf(entry) < (newer.get(entry.row ?? '') ?? 0n);
        entries.set(id, isPointless ? this.#ended(entry, 'superseded') : entry);
      }
      await this.#store.write([...entries]);
      this.total += fresh.length;
    });
  }

  /** Commits a transaction of the sink's offsets, which marks the letters of applied retries as well. */
  async commit(transaction: LogTransaction, applied: readonly ReadRecord[]): Promise<void> {
    const retried = applied.flatMap(({ origin, offset }) => (origin === undefined ? [] : [{ id: origin.id, offset }]));
    if (retried.length === 0) {
      await transaction.commit();
      return;
    }
    await this.#store.turn(async () => {
      const entries = retried
        .filter(({ id, offset }) => this.isCurrent(id, offset))
        .map(({ id }) => [id, this.#ended(this.#store.waiting.get(id)!.entry, 'resolved')] as const);
      await this.#store.write(entries, transaction);
    });
  }

  /** Every later change of a row waits behind its refused one, whole or not. */
  get #blocksKey(): boolean {
    return this.#options.policy === 'block_key';
  }

  #waitsFor(row: string, { version }: Change, own: string | undefined): boolean {
    for (const id of this.#store.ofRow(row)) {
      // A retried record waits only for what came before it.
      if (own === undefined) return true;
      if (id !== own && versionOf(this.#store.waiting.get(id)!.entry) < version) return true;
    }
    return false;
  }

  async #entry({ record, state, error }: DeadLetter): Promise<[string, Entry | null]> {
    const now = this.#options.clock.now();
    const { origin, offset } = record;
    if (origin === undefined) {
      const id = idOf(this.#store.name, record, offset);
      // A repeat is one entry; what somebody has done with it since stays.
      return [id, this.#store.waiting.has(id) ? null : newEntry(record, state, error, now)];
    }
    const known = this.isCurrent(origin.id, offset) ? await this.#store.whole(origin.id) : undefined;
    if (known === undefined) return [origin.id, null];
    const { retry: _, ...rest } = withAct(known, 'refused', now, null, causeOf(error).code);
    const attempts = rest.attempts + (state === 'open' ? 1 : 0);
    return [origin.id, { ...rest, ...causeOf(error), state, attempts }];
  }

  /** What a newer whole row, delete, truncate or sweep has made pointless: applied later it would be refused as stale, or bring a row back (Invariant 7). */
  *#superseded(applied: readonly ReadRecord[]): Generator<[string, Entry]> {
    if (this.#store.waiting.size === 0) return;
    for (const record of applied) {
      const { change, origin } = record;
      if (change === null) continue;
      for (const id of this.#olderThan(record, change)) {
        if (id === origin?.id) continue;
        yield [id, this.#ended(this.#store.waiting.get(id)!.entry, 'superseded')];
      }
    }
  }

  /** Row → version of the last whole change of it that was applied. */
  #newestWhole(applied: readonly ReadRecord[]): ReadonlyMap<string, bigint> {
    const newest = new Map<string, bigint>();
    if (this.#blocksKey) return newest;
    for (const { topic, origin, change } of applied) {
      if (change === null || !isWhole(change)) continue;
      const row = rowName(origin?.topic ?? topic, change);
      if (change.version > (newest.get(row) ?? 0n)) newest.set(row, change.version);
    }
    return newest;
  }

  *#olderThan(record: ReadRecord, change: Change): Generator<string> {
    const own = record.origin === undefined ? idOf(this.#store.name, record, record.offset) : '';
    if (this.#blocksKey) {
      // Every change counts there: only what was refused itself and is accepted now is done with.
      if (this.#store.waiting.has(own) && this.#store.waiting.get(own)!.entry.edited === undefined) yield own;
      return;
    }
    const topic = record.origin?.topic ?? record.topic;
    const below = change.op === 'truncate' ? change.version : change.sweepBelow;
    if (below !== undefined) {
      for (const [id, { entry }] of this.#store.waiting) {
        if (entry.topic === topic && versionOf(entry) < below) yield id;
      }
      return;
    }
    if (!isWhole(change)) return;
    for (const id of this.#store.ofRow(rowName(topic, change))) {
      const { entry } = this.#store.waiting.get(id)!;
      // The record itself, read once more after a crash, and accepted this time; what somebody wrote instead still waits.
      const isItself = id === own && entry.edited === undefined;
      if (versionOf(entry) < change.version || isItself) yield id;
    }
  }

  #ended(entry: Entry, state: 'resolved' | 'superseded'): Entry {
    return ended(withAct(entry, state, this.#options.clock.now(), null, null), state);
  }

  /** A burst means that something is wrong with the target or the rules, not with single records: stop (DESIGN § 8). */
  #guard(count: number): void {
    const { clock, maxPerMinute } = this.#options;
    const now = clock.monotonic();
    while (this.#recent.length > 0 && now - this.#recent[0]! > MINUTE_MS) this.#recent.shift();
    const isFull = this.#store.waiting.size + count > MAX_WAITING;
    if (isFull || this.#recent.length + count > maxPerMinute) {
      const { name } = this.#store;
      const what = isFull
        ? `more than ${MAX_WAITING} dead letters of ${name} wait`
        : `more than ${maxPerMinute} records a minute refused for ${name}`;
      const [pipeline] = name.split('/');
      throw new TailraceError('dlq.burst', what, {
        remedy: `tailrace dlq ls ${pipeline} groups them by cause: mend the target or the rules, then tailrace resume ${name}`,
      });
    }
    for (let i = 0; i < count; i++) this.#recent.push(now);
  }
}

/** Of entries of the first format nothing is known but that they are older than what comes. */
function versionOf({ version }: Entry): bigint {
  return BigInt(version ?? -1);
}
