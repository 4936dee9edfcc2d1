/** What a verification has found so far, and how it is told. */
import { errorWords } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/plugin.ts';
import type {
  Difference,
  DifferenceKind,
  VerificationState,
  VerificationStatus,
} from '../../contracts/verification.ts';
import type { Confirmed, FoundDifference } from './confirmation.ts';
import type { Pace } from './pace.ts';

/** Differences that are kept to be shown. */
const MAX_SHOWN = 1_000;
const MAX_NOTES = 50;

/** What a broken-off verification had found: kept with its place. */
export interface Tally {
  readonly rows: number;
  readonly counts: Readonly<Record<DifferenceKind, number>>;
  readonly repaired: number;
  readonly unsettled: number;
}

export class Report {
  readonly #place: { readonly pipeline: string; readonly sink: string };
  readonly #clock: Clock;
  readonly #pace: Pace;
  readonly #startedMs: number;
  readonly #differences: Difference[] = [];
  readonly #counts: Record<DifferenceKind, number> = { missing: 0, different: 0, extra: 0 };
  readonly #notes: string[] = [];
  #state: VerificationState = 'running';
  #endedMs: number | null = null;
  #repaired = 0;
  #unsettled = 0;
  #problem: VerificationStatus['problem'] = null;

  constructor(place: { readonly pipeline: string; readonly sink: string }, pace: Pace, clock: Clock) {
    this.#place = place;
    this.#pace = pace;
    this.#clock = clock;
    this.#startedMs = clock.now();
  }

  get status(): VerificationStatus {
    const isDone = this.#state === 'done';
    const { rows, percent, etaSeconds } = this.#pace;
    return {
      ...this.#place,
      state: this.#state,
      startedMs: this.#startedMs,
      endedMs: this.#endedMs,
      rows,
      percent: isDone ? 100 : percent,
      etaSeconds: this.#state === 'running' ? etaSeconds : null,
      counts: { ...this.#counts },
      repaired: this.#repaired,
      unsettled: this.#unsettled,
      notes: [...this.#notes],
      problem: this.#problem,
    };
  }

  get differences(): readonly Difference[] {
    return this.#differences;
  }

  get tally(): Tally {
    const { rows } = this.#pace;
    return { rows, counts: { ...this.#counts }, repaired: this.#repaired, unsettled: this.#unsettled };
  }

  /** What an earlier run had found before it was broken off. */
  restore({ rows, counts, repaired, unsettled }: Tally): void {
    this.#pace.rows = rows;
    Object.assign(this.#counts, counts);
    this.#repaired = repaired;
    this.#unsettled = unsettled;
    this.note('the keys that were found before the interruption are not listed again');
  }

  add(table: string, { differences, unsettled }: Confirmed, repaired: ReadonlySet<FoundDifference>): void {
    this.#unsettled += unsettled.length;
    for (const found of differences) {
      const { kind, sinkKey: key, columns } = found;
      this.#counts[kind]++;
      const isRepaired = repaired.has(found);
      if (isRepaired) this.#repaired++;
      if (this.#differences.length < MAX_SHOWN) {
        this.#differences.push({ kind, table, key, columns, repaired: isRepaired });
      }
    }
  }

  note(text: string): void {
    if (this.#notes.length < MAX_NOTES && !this.#notes.includes(text)) this.#notes.push(text);
  }

  end(error: unknown, isCancelled: boolean): void {
    this.#endedMs = this.#clock.now();
    this.#state = isCancelled ? 'cancelled' : error === null ? 'done' : 'failed';
    if (this.#state !== 'failed') return;
    this.#problem = errorWords(error);
  }
}
