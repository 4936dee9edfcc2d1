/** What of a batch goes to the target, and what aside. */
import { classOf, TailraceError } from '../../contracts/errors.ts';
import type { Change } from '../../contracts/row.ts';
import type { Rejection, SinkRecord } from '../../contracts/sink.ts';
import type { CompiledSteps } from '../compiled-steps.ts';
import type { ReadRecord } from '../sink-reader.ts';
import { isWhole, rowName } from './entry.ts';
import type { DeadLetter, DeadLetters } from './letters.ts';

export interface SortedOut {
  /** Records that passed the rules. */
  readonly passed: readonly ReadRecord[];
  /** What the target gets of them, in their order. */
  readonly outputs: readonly SinkRecord[];
  readonly letters: DeadLetter[];
}

/** Throws what is no fault of a single record, and under the policy `stop` every fault. */
export function sortOut(records: readonly ReadRecord[], deadLetters: DeadLetters, rules: CompiledSteps): SortedOut {
  const passed: ReadRecord[] = [];
  const outputs: SinkRecord[] = [];
  const letters: DeadLetter[] = [];
  /** Rows of this batch with a letter that is not written yet. */
  const unwritten = new Set<string>();
  for (const record of records) {
    const { topic, offset, change, origin } = record;
    // Given up, superseded or sent another time meanwhile.
    if (origin !== undefined && !deadLetters.isCurrent(origin.id, offset)) continue;
    try {
      if (record.error !== undefined) throw record.error;
      if (change === null) continue;
      if (deadLetters.holds(record, change, unwritten)) {
        const error = new TailraceError('sink.rejected', 'held behind an open dead letter');
        letters.push({ record, state: 'held', error });
        continue;
      }
      const changes = rules.apply(sparing(record, change, deadLetters, letters));
      if (isUnchanged(record, changes)) outputs.push(record);
      else outputs.push(...outputsOf(record, changes));
      passed.push(record);
    } catch (error) {
      if (classOf(error) !== 'poison' || deadLetters.stops) throw error;
      letters.push({ record, state: 'open', error });
      if (change !== null) unwritten.add(rowName(origin?.topic ?? topic, change));
    }
  }
  return { passed, outputs, letters };
}

/** The end of a snapshot, with the rows that its sweep leaves alone. */
function sparing(
  { topic }: ReadRecord,
  change: Change,
  deadLetters: DeadLetters,
  letters: readonly DeadLetter[],
): Change {
  const { sweepBelow, op, table, version, timeUs, key, position, transaction } = change;
  if (sweepBelow === undefined) return change;
  const fresh = letters.flatMap(({ record }) => (record.topic === topic && record.change ? [record.change.key] : []));
  const sweepExcept = [...new Set([...deadLetters.keptKeys(topic, sweepBelow), ...fresh])];
  if (sweepExcept.length === 0) return change;
  return { op, table, version, timeUs, key, position, transaction, before: null, after: null, sweepBelow, sweepExcept };
}

/** Letters of what the target has refused: a change that it has put behind another one of its row is `held`. */
export function refusedLetters(records: readonly ReadRecord[], rejections: readonly Rejection[]): DeadLetter[] {
  const rows = new Set<string>();
  return rejections.map(({ record: { topic, offset }, error }) => {
    const record = records.find((one) => one.offset === offset && one.topic === topic)!;
    const change = record.change!;
    const row = rowName(record.origin?.topic ?? topic, change);
    const state = rows.has(row) && !isWhole(change) ? 'held' : 'open';
    rows.add(row);
    return { record, state, error };
  });
}

/** What the target gets of a record. */
function outputsOf(record: ReadRecord, changes: readonly Change[]): readonly SinkRecord[] {
  const { topic, partition, offset } = record;
  return changes.map((change) => ({ topic, partition, offset, change }));
}

/** True when the record is what the target gets of itself. */
function isUnchanged(record: ReadRecord, changes: readonly Change[]): record is ReadRecord & SinkRecord {
  return changes.length === 1 && changes[0] === record.change;
}
