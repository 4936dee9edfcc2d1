/** Compaction beside producers: how fast it is, and what it adds to their latency. */
import type { EmbeddedLog } from '../../../src/log/embedded-log.ts';
import { RecordBatchBuilder } from '../../../src/wire/record-batch.ts';
import { type Figure, ms, openAt, pause, percentile } from './goal.ts';

const KEYS = 100_000;
const ROUNDS = 4;
const RECORDS_OF_A_BATCH = 500;
const RECORD_BYTES = 1024;
const GAP_MS = 2;
const BEFORE_MS = 5_000;

export async function compactionUnderLoad(dir: string): Promise<readonly Figure[]> {
  const log = await openAt(dir, { cleanEveryMs: null });
  const config = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.01' };
  await log.admin.topics!.create('state', { partitions: 1, config });
  await log.topics.ensure('live', { partitions: 1, cleanup: 'delete' });
  await fill(log);
  const { sizeBytes } = log.topics.get('state')!.partitions[0]!;
  const alone = await commitsFor(log, BEFORE_MS);
  let running = true;
  const begun = performance.now();
  const cleaning = log.clean({ compact: 'state' }).finally(() => {
    running = false;
  });
  const beside = await commitsWhile(log, () => running);
  await cleaning;
  const seconds = (performance.now() - begun) / 1000;
  const left = log.topics.get('state')!.partitions[0]!.sizeBytes;
  await log.close();
  const speed = sizeBytes / 2 ** 20 / seconds;
  const ratio = percentile(beside, 0.99) / percentile(alone, 0.99);
  const name = `${(sizeBytes / 2 ** 20).toFixed(0)} MiB compacted to ${(left / 2 ** 20).toFixed(0)} MiB`;
  const times = (values: readonly number[]) =>
    `p50 ${ms(percentile(values, 0.5))}, p99 ${ms(percentile(values, 0.99))}`;
  const compared = `500 commits of 1 KiB a second; alone ${times(alone)}; beside it ${times(beside)}`;
  return [
    {
      what: `${name}, beside producers`,
      measured: `${speed.toFixed(0)} MiB/s`,
      goal: '≥ 100 MiB/s',
      met: speed >= 100,
      beside: compared,
    },
    {
      what: 'p99 of commits beside a compaction, × alone',
      measured: ratio.toFixed(2),
      goal: '≤ 1.25',
      met: ratio <= 1.25,
      beside: compared,
    },
  ];
}

/** Every key several times. */
async function fill(log: EmbeddedLog): Promise<void> {
  const epoch = await log.fence('filler');
  const builder = new RecordBatchBuilder();
  const value = Buffer.alloc(RECORD_BYTES, 'x');
  for (let n = 0; n < KEYS * ROUNDS; ) {
    builder.begin(1_700_000_000_000);
    for (const end = n + RECORDS_OF_A_BATCH; n < end; n++) {
      builder.append(1_700_000_000_000, Buffer.from(String((n * 7919) % KEYS)), value);
    }
    const transaction = log.begin('filler', epoch);
    await transaction.append('state', 0, builder.finish());
    await transaction.commit();
  }
}

function commitsFor(log: EmbeddedLog, forMs: number): Promise<number[]> {
  const end = performance.now() + forMs;
  return commitsWhile(log, () => performance.now() < end);
}

/** ms of commits that are due every `GAP_MS`, from when they were due. */
async function commitsWhile(log: EmbeddedLog, goesOn: () => boolean): Promise<number[]> {
  const epoch = await log.fence('live');
  const builder = new RecordBatchBuilder();
  const value = Buffer.alloc(RECORD_BYTES, 'x');
  const took: number[] = [];
  const pending: Promise<void>[] = [];
  for (let due = performance.now(); goesOn(); due += GAP_MS) {
    const early = due - performance.now();
    if (early > 0) await pause(early);
    builder.begin(1_700_000_000_000);
    builder.append(1_700_000_000_000, null, value);
    const transaction = log.begin('live', epoch);
    await transaction.append('live', 0, builder.finish());
    pending.push(transaction.commit().then(() => void took.push(performance.now() - due)));
  }
  await Promise.all(pending);
  return took;
}
