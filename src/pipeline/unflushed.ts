/** What was written to a target that has not been told to make it durable. */
import type { ConnectorContext } from '../contracts/plugin.ts';
import type { ReadRecord } from './sink-reader.ts';

/** A target is not left longer without a flush, as long as it is given anything. */
const MAX_MS = 100;

type Clock = Pick<ConnectorContext['clock'], 'monotonic'>;

export interface BatchLimits {
  readonly maxRecords: number;
  readonly maxBytes: number;
}

export class Unflushed {
  readonly #clock: Clock;
  readonly #limits: BatchLimits;
  #retried: ReadRecord[] = [];
  #records = 0;
  #bytes = 0;
  #sinceMs = 0;

  constructor(clock: Clock, limits: BatchLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get any(): boolean {
    return this.#records > 0;
  }

  get isFull(): boolean {
    const { maxRecords, maxBytes } = this.#limits;
    return this.#records >= maxRecords || this.#bytes >= maxBytes || this.#clock.monotonic() - this.#sinceMs >= MAX_MS;
  }

  /** @param applied those of `records` that the target took */
  add(records: readonly ReadRecord[], applied: readonly ReadRecord[]): void {
    if (!this.any) this.#sinceMs = this.#clock.monotonic();
    this.#records += records.length;
    for (const { raw } of records) this.#bytes += raw.stored?.valueLength ?? raw.value?.length ?? 0;
    for (const record of applied) if (record.origin !== undefined) this.#retried.push(record);
  }

  /** All of it is durable. @returns dead letters that were tried again, among what the target took */
  flushed(): readonly ReadRecord[] {
    const retried = this.#retried;
    this.#records = 0;
    this.#bytes = 0;
    this.#retried = [];
    return retried;
  }
}
