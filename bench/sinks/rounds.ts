/** Limit and ours in turn, and the line of the table that comes of it. */
import { spread } from '../report.ts';
import type { SinkResult } from './run-sink.ts';

/** Beside one before, which is not counted. */
export const ROUNDS = 3;

/** One line of the table: what, ours, the limit, their ratio with bar and goal, our CPU and memory. */
export type ReportRow = readonly string[];

export interface Rounds {
  /** Seconds. */
  readonly limit: number[];
  readonly ours: SinkResult[];
}

/** The first round is not counted. @param limit seconds that the target's own limit takes in this round */
export async function rounds(
  limit: (round: number) => Promise<number>,
  ours: (round: number) => Promise<SinkResult>,
): Promise<Rounds> {
  const all: Rounds = { limit: [], ours: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    const seconds = await limit(round);
    const result = await ours(round);
    if (round === 0) continue;
    all.limit.push(seconds);
    all.ours.push(result);
  }
  return all;
}

export function reportRow(what: string, rows: number, { limit, ours }: Rounds, bar: string, goal: string): ReportRow {
  const rate = (seconds: number) => rows / seconds / 1_000;
  return [
    what,
    spread(
      ours.map(({ seconds }) => rate(seconds)),
      0,
    ),
    spread(limit.map(rate), 0),
    spread(ours.map(({ seconds }, i) => limit[i]! / seconds)),
    bar,
    goal,
    spread(ours.map(({ cpuSeconds }) => (1e6 * cpuSeconds) / rows)),
    String(Math.round(Math.max(...ours.map(({ peakRssMb }) => peakRssMb)))),
  ];
}

export async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1_000;
}
