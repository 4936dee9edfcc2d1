/** The ways through the rules in a process of their own, in turn; prints what each took. */
import { readRecords } from '../../src/wire/record-batch.ts';
import { byObjects, bySlices, deleteByObjects, deleteBySlices } from './by-hand.ts';
import { rulesWay, type Way, wayByHand } from './ways.ts';
import { input } from './workload.ts';

export interface RulesResult {
  /** Records a second of processor time, all threads together, of a way in each round. */
  readonly rates: Readonly<Record<string, readonly number[]>>;
  readonly rows: number;
  readonly valueBytes: number;
}

const { rows, rounds } = JSON.parse(process.argv[2]!) as { rows: number; rounds: number };
const data = input(rows);
const ways: readonly Way[] = [
  rulesWay(data),
  wayByHand('JSON.parse', data, byObjects, deleteByObjects),
  wayByHand('slices', data, bySlices, deleteBySlices),
];
check(ways);
const rates = new Map(ways.map(({ name }) => [name, [] as number[]]));
const WARM_UP = 2;
for (let round = -WARM_UP; round < rounds; round++) {
  for (const { name, run } of ways) {
    const start = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(start);
    const seconds = (user + system) / 1_000_000;
    if (round >= 0) rates.get(name)!.push(rows / seconds);
  }
}
const result: RulesResult = { rates: Object.fromEntries(rates), rows, valueBytes: Math.round(data.bytes / rows) };
process.stdout.write(JSON.stringify(result));

/** All ways make the same rows. */
function check([first, ...others]: readonly Way[]): void {
  const expected = outcome(first!);
  for (const way of others) {
    const found = outcome(way);
    const at = expected.findIndex((line, i) => line !== found[i]);
    if (at >= 0 || expected.length !== found.length) {
      throw new Error(`${way.name} differs at record ${at}:\n${expected[at]}\n${found[at]}`);
    }
  }
}

function outcome({ run }: Way): string[] {
  return run().flatMap((batch) =>
    [...readRecords(batch)].map(({ key, value }) => {
      if (value === null) return `${Buffer.from(key!)} -`;
      const { before, after, op } = JSON.parse(Buffer.from(value).toString()) as Record<string, unknown>;
      const columns = Object.entries((after ?? {}) as Record<string, unknown>).sort(([a], [b]) => (a < b ? -1 : 1));
      return `${Buffer.from(key!)} ${JSON.stringify({ before, op, columns })}`;
    }),
  );
}
