/**
 * Decides which of the rows that looked different are. Source and target are never read at the same moment; the log tells
 * whether that matters, as it has every change of every row:
 *
 *   from := end of the topic ─▶ settle: what the log has by then, every later reading sees
 *   read the source (view) ─▶ wait until the log has all that the view saw ─▶ wait until the sink has flushed that much
 *   read the target ─▶ to := end of the topic
 *
 * A row without a change in [from, to) that the view did not see was the same at the source from the reading on until the
 * target was read, and the target had all of it: it must be equal. The others are tried again.
 */
import type { Clock } from '../../contracts/plugin.ts';
import type { Change } from '../../contracts/row.ts';
import type { TableSchema } from '../../contracts/schema.ts';
import type { Difference, HeldRow, SinkInspector, SourceInspector } from '../../contracts/verification.ts';
import type { ExpectedRow, ExpectedRows } from './expected-rows.ts';
import type { LogPositions } from './log-positions.ts';
import { identityOf } from './row-identity.ts';
import type { SourceRows } from './source-rows.ts';

/** Rows read at one position. */
const STEP_ROWS = 500;
const MAX_ROUNDS = 12;
/** A transaction that runs for longer does not hold up rows that can be decided from an earlier `from`. */
const SETTLE_MS = 5_000;
const REST_MS = 50;

/** A row that looked different: how each of the three names it. */
export type Suspect = Pick<ExpectedRow, 'sourceKey' | 'logKey' | 'sinkKey'>;

export interface FoundDifference extends Suspect {
  readonly kind: Difference['kind'];
  readonly columns: readonly string[];
}

export interface Confirmed {
  readonly differences: readonly FoundDifference[];
  /** Changed in every round. */
  readonly unsettled: readonly Suspect[];
}

export interface ConfirmationOptions {
  /** `schema.table`. */
  readonly table: string;
  readonly source: string;
  readonly topic: string;
  readonly group: string;
  readonly rows: SourceRows;
  readonly expected: ExpectedRows;
  readonly inspector: SourceInspector;
  readonly sink: SinkInspector;
  readonly positions: LogPositions;
  readonly clock: Clock;
}

export class Confirmation {
  readonly #options: ConfirmationOptions;
  /** The source sees all that the log had up to there. */
  #settled: bigint | null = null;

  constructor(options: ConfirmationOptions) {
    this.#options = options;
  }

  /** @param target the table as the target has it */
  async of(suspects: readonly Suspect[], target: TableSchema, signal: AbortSignal): Promise<Confirmed> {
    const differences: FoundDifference[] = [];
    let left = [...new Map(suspects.map((one) => [identityOf(one.sinkKey), one])).values()];
    for (let round = 0; left.length > 0 && round < MAX_ROUNDS; round++) {
      if (round > 0) await this.#options.clock.sleep(REST_MS, signal);
      const again: Suspect[] = [];
      for (let at = 0; at < left.length; at += STEP_ROWS) {
        const step = await this.#step(left.slice(at, at + STEP_ROWS), target, signal);
        differences.push(...step.differences);
        again.push(...step.again);
      }
      left = again;
    }
    return { differences, unsettled: left };
  }

  async #step(suspects: readonly Suspect[], target: TableSchema, signal: AbortSignal) {
    const { rows, table, topic, source, group, positions } = this.#options;
    const from = await this.#settle(signal);
    const keys = suspects.map(({ sourceKey }) => sourceKey);
    const { changes, view } = await rows.rows(table, keys);
    await positions.covers(view, source, signal);
    await positions.delivered(group, topic, positions.end(topic), signal);
    const looks = await this.#look(suspects, changes, target);
    const changed = await positions.changedBetween({ topic, source }, from, positions.end(topic), view);
    const isChanged = ({ logKey }: Suspect) => changed === 'all' || changed.has(identityOf(logKey));
    return {
      again: suspects.filter(isChanged),
      differences: looks.filter((found) => found !== null && !isChanged(found)) as FoundDifference[],
    };
  }

  async #settle(signal: AbortSignal): Promise<bigint> {
    const { inspector, positions, topic, clock } = this.#options;
    const from = positions.end(topic);
    const ended = new AbortController();
    const settled = inspector.settle(AbortSignal.any([signal, ended.signal])).then(() => true);
    if (this.#settled === null) await settled;
    else {
      const late = clock.sleep(SETTLE_MS, ended.signal).then(() => false);
      const inTime = await Promise.race([settled, late]).finally(() => ended.abort());
      await Promise.allSettled([settled, late]);
      if (!inTime) return this.#settled;
    }
    return (this.#settled = from);
  }

  /** Null for each that is equal, or of which it is not known what it should be. */
  async #look(
    suspects: readonly Suspect[],
    changes: readonly Change[],
    target: TableSchema,
  ): Promise<readonly (FoundDifference | null)[]> {
    const { expected, sink } = this.#options;
    const bySource = new Map(changes.map((change) => [identityOf(change.key), expected.of(change)]));
    const there: { suspect: Suspect; row: Change }[] = [];
    const absent: Suspect[] = [];
    for (const suspect of suspects) {
      const identity = identityOf(suspect.sourceKey);
      const row = bySource.get(identity)?.row;
      if (!bySource.has(identity) || row === null) absent.push(suspect);
      else if (row !== undefined) there.push({ suspect, row });
    }
    const held = await compareByTable(sink, there);
    const holds =
      absent.length === 0
        ? []
        : await sink.holds(
            target,
            absent.map(({ sinkKey }) => sinkKey),
          );
    return [
      ...there.map(({ suspect }, i) => differenceOf(suspect, held[i]!)),
      ...absent.map((suspect, i) => (holds[i] ? { ...suspect, kind: 'extra' as const, columns: [] } : null)),
    ];
  }
}

/** The tables of rows may differ by a change of the table between them. */
export async function compareByTable(
  sink: SinkInspector,
  rows: readonly { readonly row: Change }[],
): Promise<readonly HeldRow[]> {
  const held: HeldRow[] = [];
  for (const group of Map.groupBy(
    rows.map(({ row }, i) => ({ row, i })),
    ({ row }) => row.table.id,
  ).values()) {
    const answers = await sink.compare(group.map(({ row }) => row));
    for (const [at, { i }] of group.entries()) held[i] = answers[at]!;
  }
  return held;
}

function differenceOf(suspect: Suspect, held: HeldRow): FoundDifference | null {
  if (held.state === 'equal') return null;
  const { sourceKey, logKey, sinkKey } = suspect;
  const columns = held.state === 'different' ? held.columns : [];
  return { sourceKey, logKey, sinkKey, kind: held.state, columns };
}
