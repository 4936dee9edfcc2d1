/** Where a verification is, kept in the log so that a new one can go on there. */
import { TailraceError } from '../../contracts/errors.ts';
import type { Log } from '../../contracts/log.ts';
import type { Clock } from '../../contracts/plugin.ts';
import type { Tally } from './report.ts';
import type { TablePlace } from './table-verification.ts';

/** At most one commit in this time. */
const SAVE_MS = 5_000;

export interface VerificationPlace {
  /** `schema.table`; those before it are done. */
  readonly table: string;
  /** Holds the key of a row. */
  readonly place: TablePlace;
  readonly tally: Tally;
}

export class SavedPlace {
  readonly #log: Log;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #epoch: number;
  #saved = Number.NEGATIVE_INFINITY;

  private constructor(log: Log, name: string, clock: Clock, epoch: number) {
    this.#log = log;
    this.#name = name;
    this.#clock = clock;
    this.#epoch = epoch;
  }

  static async open(log: Log, name: string, clock: Clock): Promise<SavedPlace> {
    return new SavedPlace(log, name, clock, await log.fence(name));
  }

  /** Null: there is nothing to go on with. */
  load(): VerificationPlace | null {
    const text = this.#log.checkpoints.get(this.#name);
    if (text === undefined) return null;
    const { v, ...place } = JSON.parse(text) as VerificationPlace & { v: number };
    if (v === 1) return place;
    throw new TailraceError('verify.changed', 'another version of Tailrace began this verification', {
      remedy: 'start it again without --resume',
    });
  }

  async save(place: VerificationPlace): Promise<void> {
    const now = this.#clock.monotonic();
    if (now - this.#saved < SAVE_MS) return;
    this.#saved = now;
    await this.#commit(JSON.stringify({ v: 1, ...place }));
  }

  async clear(): Promise<void> {
    if (this.#log.checkpoints.get(this.#name) !== undefined) await this.#commit(null);
  }

  async #commit(value: string | null): Promise<void> {
    const transaction = this.#log.begin(this.#name, this.#epoch);
    transaction.checkpoint(this.#name, value);
    await transaction.commit();
  }
}
