/** Rules from batch to batch on one core, beside what somebody would write by hand for the same table and steps. */
import { execFileSync } from 'node:child_process';
import { built } from './build.ts';
import { median, publish, spread } from './report.ts';
import type { RulesResult } from './rules/child.ts';

const ROWS = 100_000;
const ROUNDS = 9;

export async function run(): Promise<void> {
  const output = execFileSync(process.execPath, [
    built('bench/rules/child.ts'),
    JSON.stringify({ rows: ROWS, rounds: ROUNDS }),
  ]);
  const { rates, valueBytes } = JSON.parse(output.toString()) as RulesResult;
  const [ours, objects, slices] = [rates.Tailrace!, rates['JSON.parse']!, rates.slices!];
  const thousands = (values: readonly number[]) =>
    spread(
      values.map((value) => value / 1_000),
      0,
    );
  const ratio = ours.map((rate, round) => rate / Math.max(objects[round]!, slices[round]!));
  publish({
    name: 'rules',
    title: 'Rules, from record batch to record batch',
    header: [
      'Tailrace, k records/s a core',
      'JSON.parse → plain JavaScript → JSON.stringify',
      'slices of bytes by hand',
      '× the faster (min–max)',
      'bars',
    ],
    rows: [[thousands(ours), thousands(objects), thousands(slices), spread(ratio), verdict(ours, ratio)]],
    notes: [
      `Rows of 12 columns, ${valueBytes} B a record: drop a column, filter (5 % refused: delete and tombstone instead), upper case, a product, a case, a partial mask. Before each comparison all three are checked to make the same rows.`,
      `All read and write record batches with keys, headers and checksum. A second is one of processor time, all threads of the process together; ${ROUNDS} rounds in turn after a warm-up.`,
      'Bars: 0.3 × the faster and 200 k/s; goals 0.6 × and 400 k/s.',
    ],
  });
}

function verdict(rates: readonly number[], ratios: readonly number[]): string {
  const isMet = median(rates) >= 200_000 && median(ratios) >= 0.3;
  return isMet ? 'met' : 'missed';
}
