/** Durable produce: kcat from a file in the page cache, acks=all. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DiskLimits, measureDisk } from '../disk.ts';
import { currentCommit, median, publish, spread } from '../report.ts';
import { createTopic, type Kind, usage, withBrokers } from './brokers.ts';
import { type Load, produce, writeRecords } from './kcat.ts';

const ROUNDS = 3;
/** The last: default of librdkafka. The first: default of the Java client. */
const JAVA_BATCH = 16_384;
const RDKAFKA_BATCH = 1_000_000;

export interface ProduceRow {
  readonly name: string;
  readonly bytes: number;
  readonly records: number;
  readonly partitions: number;
  readonly batchBytes: number;
}

const row = (name: string, bytes: number, records: number, partitions: number, batchBytes: number): ProduceRow => {
  return { name, bytes, records, partitions, batchBytes };
};

export const PRODUCE_ROWS: readonly ProduceRow[] = [
  row('1KiB', 1024, 120_000, 1, RDKAFKA_BATCH),
  row('1KiB-16k-batches', 1024, 50_000, 1, JAVA_BATCH),
  row('1KiB-64p', 1024, 80_000, 64, RDKAFKA_BATCH),
  row('100B', 100, 1_000_000, 1, RDKAFKA_BATCH),
  row('100B-64p', 100, 500_000, 64, RDKAFKA_BATCH),
];

interface Measured {
  readonly seconds: number[];
  readonly cpuSeconds: number[];
  peakRssMb: number;
}

export async function runProduce(row: ProduceRow, kinds: readonly Kind[]): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'tailrace-bench-'));
  const load: Load = { ...row, file: join(dir, 'records') };
  const measured = new Map<Kind, Measured>(kinds.map((kind) => [kind, { seconds: [], cpuSeconds: [], peakRssMb: 0 }]));
  try {
    await writeRecords(load.file, row.records, row.bytes);
    const disk = measureDisk(dir);
    await produce(null, 'warm-up', load);
    const clientSeconds = await produce(null, 't', load);
    await withBrokers(kinds, async (brokers) => {
      for (let round = 0; round <= ROUNDS; round++) {
        for (const [kind, broker] of brokers) {
          await createTopic(broker, `t${round}`, row.partitions);
          const before = usage(broker);
          const seconds = await produce(broker.address, `t${round}`, load);
          const after = usage(broker);
          const into = measured.get(kind)!;
          into.peakRssMb = after.peakRssMb;
          if (round === 0) continue;
          into.seconds.push(seconds);
          into.cpuSeconds.push(after.cpuSeconds - before.cpuSeconds);
        }
      }
    });
    report(row, measured, disk, clientSeconds);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

const thousands = (records: number, seconds: number) => `${Math.round(records / seconds / 1000)}`;

function report(row: ProduceRow, all: ReadonlyMap<Kind, Measured>, disk: DiskLimits, clientSeconds: number): void {
  const ours = all.get('Tailrace')!;
  const rate = (kind: Kind) => {
    const side = all.get(kind);
    return side === undefined ? 'missing' : thousands(row.records, median(side.seconds));
  };
  const ratio = (kind: Kind) => {
    const side = all.get(kind);
    return side === undefined ? 'missing' : spread(side.seconds.map((seconds, i) => seconds / ours.seconds[i]!));
  };
  const kafka = all.get('Kafka');
  const pair = (of: (side: Measured) => string) => `${of(ours)} / ${kafka === undefined ? 'missing' : of(kafka)}`;
  const mib = Math.round((row.records * row.bytes) / median(ours.seconds) / 2 ** 20);
  publish({
    name: 'log-produce',
    title: 'Durable produce, beside a real Kafka',
    header: [
      'row',
      'Tailrace, k records/s (MiB/s)',
      'Kafka, k/s',
      'Kafka with flush, k/s',
      '× Kafka (min–max)',
      '× Kafka with flush',
      'CPU s a million, Tailrace / Kafka',
      'peak RSS MiB, Tailrace / Kafka',
      'ceilings: client k/s, disk MiB/s, fdatasync ms',
      'commit',
    ],
    rows: [
      [
        row.name,
        `${rate('Tailrace')} (${mib})`,
        rate('Kafka'),
        rate('Kafka, flush per message'),
        ratio('Kafka'),
        ratio('Kafka, flush per message'),
        pair(({ cpuSeconds }) => ((1e6 * median(cpuSeconds)) / row.records).toFixed(1)),
        pair(({ peakRssMb }) => String(Math.round(peakRssMb))),
        `${thousands(row.records, clientSeconds)}, ${Math.round(disk.rawWriteMiBps)}, ${disk.fdatasyncP50Ms.toFixed(2)}`,
        currentCommit(),
      ],
    ],
    merge: true,
    notes: [
      'kcat (librdkafka) sends a file, one record a line, acks=all; Tailrace acknowledges after fdatasync, Kafka with its ' +
        'defaults before, Kafka with `log.flush.interval.messages=1` after. Bars: ≥ 0.6 × Kafka and ≥ 3 × Kafka with flush at 1 KiB, RSS ≤ 1/2.',
      `Each row is a run of its own: three brokers side by side, ${ROUNDS} rounds in turn after one to warm up. -64p: 64 partitions; ` +
        `-16k-batches: record batches of ${JAVA_BATCH} B as the Java client makes them by default, else up to ${RDKAFKA_BATCH} B as librdkafka's.`,
      "Ceilings in the same run: the client alone, into librdkafka's mock in memory; 1 MiB appends with an fdatasync every 4 MiB; one fdatasync.",
    ],
  });
}
