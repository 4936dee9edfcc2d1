/** Produce → acknowledged and produce → consumed at a fixed rate, open loop. */
import { tmpdir } from 'node:os';
import { measureDisk } from '../disk.ts';
import { currentCommit, publish } from '../report.ts';
import { createTopic, type Kind, withBrokers } from './brokers.ts';
import { type Latencies, openLoop, type Rate } from './open-loop.ts';

const RATES: readonly (Rate & { readonly name: string })[] = [
  {
    name: '1,000 × 1 record of 1 KiB a second',
    batchesPerSecond: 1_000,
    recordsPerBatch: 1,
    recordBytes: 1024,
    seconds: 4,
  },
  {
    name: '500 × 100 records of 1 KiB a second',
    batchesPerSecond: 500,
    recordsPerBatch: 100,
    recordBytes: 1024,
    seconds: 4,
  },
];

export async function runLatency(kinds: readonly Kind[]): Promise<void> {
  const rows: string[][] = [];
  await withBrokers(kinds, async (brokers) => {
    for (const { name, ...rate } of RATES) {
      for (const [kind, broker] of brokers) {
        const measured: (Latencies | null)[] = [];
        for (const round of ['warm-up', 'measured']) {
          const topic = `${rate.batchesPerSecond}-${round}`;
          await createTopic(broker, topic, 1);
          measured.push(await openLoop(broker, topic, { ...rate, seconds: round === 'warm-up' ? 1 : rate.seconds }));
        }
        rows.push([`${name}, ${kind}`, ...percentiles(measured[1] ?? null), currentCommit()]);
      }
    }
  });
  const disk = measureDisk(tmpdir());
  publish({
    name: 'log-latency',
    title: 'Latency of the log at a fixed rate, beside a real Kafka',
    header: ['rate, broker', 'acknowledged p50 ms', 'p99 ms', 'consumed p50 ms', 'p99 ms', 'commit'],
    rows,
    notes: [
      'Open loop: counted from when a batch was due, so that waiting behind a stalled one counts; the first second is left out.',
      'The same client in this process for all, one partition, acks=all, a consumer that waits in Fetch.',
      `Disk in the same run: fdatasync p50 ${disk.fdatasyncP50Ms.toFixed(2)} ms.`,
    ],
  });
}

function percentiles(latencies: Latencies | null): string[] {
  if (latencies === null) return Array.from({ length: 4 }, () => 'cannot keep up');
  const { ackMs, consumeMs } = latencies;
  const at = (sorted: readonly number[], part: number) => sorted[Math.floor(sorted.length * part)]!.toFixed(2);
  return [at(ackMs, 0.5), at(ackMs, 0.99), at(consumeMs, 0.5), at(consumeMs, 0.99)];
}
