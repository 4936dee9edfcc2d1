/** Fetch out of the page cache: kcat reads one partition from its start. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { currentCommit, median, publish, spread } from '../report.ts';
import { createTopic, type Kind, usage, withBrokers } from './brokers.ts';
import { consume, produce, writeRecords } from './kcat.ts';

const ROUNDS = 5;
const SIZES = [
  { name: '1KiB', bytes: 1024, records: 250_000 },
  { name: '100B', bytes: 100, records: 2_000_000 },
];

export async function runFetch(kinds: readonly Kind[]): Promise<void> {
  const compared = kinds.filter((kind) => kind !== 'Kafka, flush per message');
  const dir = await mkdtemp(join(tmpdir(), 'tailrace-bench-'));
  const rows: string[][] = [];
  try {
    await withBrokers(compared, async (brokers) => {
      for (const { name, bytes, records } of SIZES) {
        const file = join(dir, name);
        await writeRecords(file, records, bytes);
        for (const broker of brokers.values()) {
          await createTopic(broker, name, 1);
          await produce(broker.address, name, {
            file,
            records,
            partitions: 1,
            batchBytes: 1_000_000,
            batchRecords: 10_000,
          });
        }
        const seconds = new Map<Kind, number[]>(compared.map((kind) => [kind, []]));
        const cpu = new Map<Kind, number>();
        for (let round = 0; round <= ROUNDS; round++) {
          for (const [kind, broker] of brokers) {
            const before = usage(broker).cpuSeconds;
            const took = await consume(broker.address, name, records);
            if (round > 0) seconds.get(kind)!.push(took);
            cpu.set(kind, ((usage(broker).cpuSeconds - before) * 1e6) / records);
          }
        }
        rows.push(row(name, records, bytes, seconds, cpu));
      }
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  publish({
    name: 'log-fetch',
    title: 'Fetch out of the page cache, beside a real Kafka',
    header: ['record', 'Tailrace, k/s (MiB/s)', 'Kafka, k/s', '× Kafka (min–max)', 'CPU s a million, T / K', 'commit'],
    rows,
    notes: [`kcat reads one partition from its start; ${ROUNDS} rounds in turn after one to warm up.`],
  });
}

function row(
  name: string,
  records: number,
  bytes: number,
  seconds: ReadonlyMap<Kind, readonly number[]>,
  cpu: ReadonlyMap<Kind, number>,
): string[] {
  const ours = seconds.get('Tailrace')!;
  const theirs = seconds.get('Kafka');
  const rate = (times: readonly number[]) => Math.round(records / median(times) / 1000);
  return [
    name,
    `${rate(ours)} (${Math.round((records * bytes) / median(ours) / 2 ** 20)})`,
    theirs === undefined ? 'missing' : String(rate(theirs)),
    theirs === undefined ? 'missing' : spread(theirs.map((time, i) => time / ours[i]!)),
    `${cpu.get('Tailrace')!.toFixed(2)} / ${cpu.get('Kafka')?.toFixed(2) ?? 'missing'}`,
    currentCommit(),
  ];
}
