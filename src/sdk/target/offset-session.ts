/** What one session knows of the positions in a target whose data they are committed with. */
import type { ConnectorContext } from '../../contracts/plugin.ts';
import type { SinkOpenOptions, SinkPositions } from '../../contracts/sink.ts';
import { checkEpoch, DELETED_HOLD_MS, KnownPositions, resumeFrom, type StoredPosition } from './positions.ts';

const PRUNE_EVERY_MS = 3_600_000;

export type OffsetOptions = Pick<SinkOpenOptions<unknown>, 'id' | 'generation' | 'lineage' | 'context'>;

export class OffsetSession {
  readonly #options: OffsetOptions;
  readonly #clock: ConnectorContext['clock'];
  #known = new KnownPositions();
  #began = false;
  #prunedAt: number | null = null;

  constructor(options: OffsetOptions) {
    this.#options = options;
    this.#clock = options.context.clock;
  }

  /** At open. Positions to resume from; throws `sink.other_log`. */
  resume(stored: readonly StoredPosition[]): SinkPositions | null {
    this.#known = new KnownPositions(stored, this.#options.generation);
    return resumeFrom(stored, this.#options);
  }

  /** Those of `next` that the target does not hold. */
  changed(next: SinkPositions): SinkPositions {
    return this.#known.changed(next);
  }

  /**
   * With what is stored, in a transaction that keeps other writers of this sink out: throws for an older epoch than the last
   * writer's, and for positions that have moved since `resume`. @returns true when the epoch must be stored in it
   */
  begins(stored: readonly StoredPosition[], epoch: number): boolean {
    const { id } = this.#options;
    checkEpoch(stored, epoch, id);
    if (this.#began) return false;
    this.#known.verify(stored, id);
    this.#began = true;
    return true;
  }

  /** After the commit that held them. */
  saved(next: SinkPositions): void {
    this.#known.remember(next);
  }

  /** Time (ms since 1970) of the oldest deletes that are still remembered; null unless it is time, once an hour, to forget the others. */
  forgetBefore(): number | null {
    const now = this.#clock.now();
    if (this.#prunedAt !== null && now - this.#prunedAt < PRUNE_EVERY_MS) return null;
    this.#prunedAt = now;
    return now - DELETED_HOLD_MS;
  }
}
