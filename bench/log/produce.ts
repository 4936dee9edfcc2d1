/** Durable produce: kcat from a file in the page cache, acks=all. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DiskLimits, measureDisk } from '../disk.ts';
import { currentCommit, median, publish, spread } from '../report.ts';
import { createTopic, type Kind, usage, withBrokers } from './brokers.ts';
import { type Load, produce, writeRecords } from './kcat.ts';

const ROUNDS = 3;
/** Default of librdkafka, in records. */
const MANY = 10_000;
/** Defaults of the Java client and of librdkafka. */
const JAVA_BATCH = 16_384;
const RDKAFKA_BATCH = 1_000_000;

export interface ProduceRow {
  readonly name: string;
  readonly bytes: number;
  readonly records: number;
  readonly partitions: number;
  readonly batchBytes: number;
  readonly batchRecords: number;
}

/** Record batches as the Java client makes them by default. */
const java = (name: string, bytes: number, records: number, partitions: number): ProduceRow => {
  return { name, bytes, records, partitions, batchBytes: JAVA_BATCH, batchRecords: MANY };
};
/** As librdkafka makes them: one flush covers a thousand records and more. */
const large = (name: string, bytes: number, records: number, partitions: number): ProduceRow => {
  return { ...java(`${name}-1MB-batches`, bytes, records, partitions), batchBytes: RDKAFKA_BATCH };
};

export const PRODUCE_ROWS: readonly ProduceRow[] = [
  java('1KiB', 1024, 50_000, 1),
  java('1KiB-64p', 1024, 50_000, 64),
  java('100B', 100, 300_000, 1),
  java('100B-64p', 100, 300_000, 64),
  { ...java('1KiB-one-by-one', 1024, 10_000, 1), batchRecords: 1 },
  large('1KiB', 1024, 120_000, 1),
  large('1KiB-64p', 1024, 80_000, 64),
  large('100B', 100, 1_000_000, 1),
  large('100B-64p', 100, 500_000, 64),
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
      `Each row is a run of its own: three brokers side by side, ${ROUNDS} rounds in turn after one to warm up. Record batches have up to ` +
        `${JAVA_BATCH} B, the default of Kafka's own client. -64p: 64 partitions; -one-by-one: a batch for each record; -1MB-batches: up to ` +
        `${RDKAFKA_BATCH} B, the default of librdkafka, where one flush covers a thousand records.`,
      "Ceilings in the same run: the client alone, into librdkafka's mock in memory; 1 MiB appends with an fdatasync every 4 MiB; one fdatasync.",
    ],
  });
}
