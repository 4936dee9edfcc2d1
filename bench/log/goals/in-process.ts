/** Writers and a reader in the log's own process: durable appends of 100 records and of one, and records read back. */

import type { EmbeddedLog } from '../../../src/log/embedded-log.ts';
import { RecordBatchBuilder } from '../../../src/wire/record-batch.ts';
import { measureDisk } from '../../disk.ts';
import { type Figure, ms, openAt, percentile } from './goal.ts';

const SECONDS = 5;
const WARM_UP_SECONDS = 1;
const VALUE = Buffer.alloc(84, 'x');
const READ_BYTES = 1 << 20;

export async function inProcess(dir: string): Promise<readonly Figure[]> {
  const disk = measureDisk(dir);
  const beside = `one fdatasync p50 ${ms(disk.fdatasyncP50Ms)}; ${disk.rawWriteMiBps.toFixed(0)} MiB/s to the disk`;
  const log = await openAt(`${dir}/log`);
  for (const topic of ['many', 'one']) await log.topics.ensure(topic, { partitions: 1, cleanup: 'delete' });
  const many = await append(log, 'many', 16, 100);
  const one = await append(log, 'one', 64, 1);
  const read = await readBack(log);
  await log.close();
  return [
    {
      what: 'durable appends in the process, 16 callers × 100 records of 100 B, records/s',
      measured: thousands(many.perSecond),
      goal: '≥ 2,500 k',
      met: many.perSecond >= 2.5e6,
      beside,
    },
    {
      what: 'the same, 64 callers × 1 record, records/s (p99 of a call)',
      measured: `${thousands(one.perSecond)} (${ms(percentile(one.callMs, 0.99))})`,
      goal: '≥ 120 k',
      met: one.perSecond >= 120e3,
      beside,
    },
    {
      what: 'records read back and decoded in the process, records/s',
      measured: thousands(read),
      goal: '≥ 5,000 k',
      met: read >= 5e6,
      beside: 'out of the page cache, one reader',
    },
  ];
}

const thousands = (value: number): string => `${Math.round(value / 1000).toLocaleString('en')} k`;

interface Appended {
  readonly perSecond: number;
  readonly callMs: number[];
}

async function append(log: EmbeddedLog, topic: string, callers: number, records: number): Promise<Appended> {
  const from = performance.now() + WARM_UP_SECONDS * 1000;
  const until = from + SECONDS * 1000;
  const callMs: number[] = [];
  const caller = async (name: string) => {
    const epoch = await log.fence(name);
    const builder = new RecordBatchBuilder();
    for (let begun = performance.now(); begun < until; ) {
      builder.begin(1_700_000_000_000);
      for (let i = 0; i < records; i++) builder.append(1_700_000_000_000, null, VALUE);
      const transaction = log.begin(name, epoch);
      await transaction.append(topic, 0, builder.finish());
      await transaction.commit();
      const ended = performance.now();
      if (begun >= from) callMs.push(ended - begun);
      begun = ended;
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, i) => caller(`${topic}-${i}`)));
  return { perSecond: (callMs.length * records) / SECONDS, callMs };
}

/** Records a second. */
async function readBack(log: EmbeddedLog): Promise<number> {
  const { endOffset } = log.topics.get('many')!.partitions[0]!;
  let best = 0;
  for (let round = 0; round < 3; round++) {
    const begun = performance.now();
    let bytes = 0;
    let count = 0;
    for (let at = 0n; at < endOffset; ) {
      for (const batch of await log.read('many', 0, at, READ_BYTES)) {
        for (const { value } of batch.records()) {
          bytes += value?.length ?? 0;
          count++;
        }
        at = batch.nextOffset;
      }
    }
    if (bytes !== count * VALUE.length) throw new Error('other records were read than were written');
    best = Math.max(best, (count / (performance.now() - begun)) * 1000);
  }
  return best;
}
