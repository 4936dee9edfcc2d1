/** What partitions cost: commits into a thousand of them against commits into one, and ten thousand that nobody uses. */
import { readdirSync } from 'node:fs';
import type { EmbeddedLog } from '../../../src/log/embedded-log.ts';
import { RecordBatchBuilder } from '../../../src/wire/record-batch.ts';
import { childFigures } from './child-figures.ts';
import { type Figure, ms, openAt, percentile } from './goal.ts';

const ACTIVE = 1_000;
const IDLE = 10_000;
const CALLERS = 8;
const SECONDS = 4;
const RECORD_BYTES = 1024;

export async function activePartitions(dir: string): Promise<readonly Figure[]> {
  const log = await openAt(dir);
  await log.topics.ensure('one', { partitions: 1, cleanup: 'delete' });
  await log.topics.ensure('many', { partitions: ACTIVE, cleanup: 'delete' });
  // In turn, so that what slows the machine slows both.
  const [one, many]: [number[], number[]] = [[], []];
  for (let round = 0; round < 3; round++) {
    one.push(...(await commits(log, 'one', 1)));
    many.push(...(await commits(log, 'many', ACTIVE)));
  }
  await log.close();
  const ratio = (part: number) => percentile(many, part) / percentile(one, part);
  const times = (values: readonly number[]) =>
    `p50 ${ms(percentile(values, 0.5))}, p99 ${ms(percentile(values, 0.99))}`;
  return [
    {
      what: `commits of 1 KiB into ${ACTIVE.toLocaleString('en')} partitions in turn, × into one (p50, p99)`,
      measured: `${ratio(0.5).toFixed(2)}, ${ratio(0.99).toFixed(2)}`,
      goal: '≤ 2 at p50',
      met: ratio(0.5) <= 2,
      beside: `${CALLERS} callers; into one: ${times(one)}; into all: ${times(many)}`,
    },
  ];
}

async function commits(log: EmbeddedLog, topic: string, partitions: number): Promise<number[]> {
  const until = performance.now() + SECONDS * 1000;
  const took: number[] = [];
  let turn = 0;
  const caller = async (name: string) => {
    const epoch = await log.fence(name);
    const builder = new RecordBatchBuilder();
    const value = Buffer.alloc(RECORD_BYTES, 'x');
    while (performance.now() < until) {
      builder.begin(1_700_000_000_000);
      builder.append(1_700_000_000_000, null, value);
      const begun = performance.now();
      const transaction = log.begin(name, epoch);
      await transaction.append(topic, turn++ % partitions, builder.finish());
      await transaction.commit();
      took.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, (_, i) => caller(`writer-${i}`)));
  return took;
}

/** Each has had a record once; the log is opened anew. */
export async function idlePartitions(dir: string): Promise<readonly Figure[]> {
  const first = await openAt(dir);
  await first.topics.ensure('idle', { partitions: IDLE, cleanup: 'delete' });
  const epoch = await first.fence('writer');
  for (let partition = 0; partition < IDLE; ) {
    const transaction = first.begin('writer', epoch);
    for (const end = partition + 500; partition < end; partition++) {
      const builder = new RecordBatchBuilder();
      builder.begin(1_700_000_000_000);
      builder.append(1_700_000_000_000, null, Buffer.from('one record'));
      await transaction.append('idle', partition, builder.finish());
    }
    await transaction.commit();
  }
  await first.close();
  // Memory that filling took does not count.
  return childFigures('idle-partitions-opened', dir, process.argv[1]!);
}

export async function idlePartitionsOpened(dir: string): Promise<readonly Figure[]> {
  const begun = performance.now();
  const log = await openAt(dir);
  const openMs = performance.now() - begun;
  // As much as somebody reads who looks at all of them once.
  for (let partition = 0; partition < IDLE; partition++) await log.read('idle', partition, 0n, 1);
  const rssMb = process.memoryUsage().rss / 2 ** 20;
  const files = readdirSync('/proc/self/fd').length;
  await log.close();
  return [
    {
      what: `${IDLE.toLocaleString('en')} partitions, each read once and then left: RSS, open files`,
      measured: `${rssMb.toFixed(0)} MiB, ${files}`,
      goal: '≤ 300 MiB, ≤ 1,024',
      met: rssMb <= 300 && files <= 1024,
      beside: `opened in ${openMs.toFixed(0)} ms`,
    },
  ];
}
