/** From the start of the process to the first answer: with nothing on disk, or after SIGKILL with 1 GiB of log. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WireClient } from '../../test/support/kafka-wire.ts';
import { currentCommit, median, publish, spread } from '../report.ts';
import { type Broker, createTopic, endOf, type Kind, start, usage } from './brokers.ts';
import { produce, writeRecords } from './kcat.ts';

const ROUNDS = 3;
/** Kafka reads all of it again: long enough for one round. */
const KILLS = 1;
const RECORDS = 256 << 10;
const FILLS = 4;

interface Starts {
  readonly ms: number[];
  /** MiB, after the last start. */
  rssMb: number;
}

type Measure = (kind: Kind, dir: string) => Promise<Starts>;

export const runColdStart = (kinds: readonly Kind[]) => compare(kinds, 'cold start', coldStarts);
export const runKilledStart = (kinds: readonly Kind[]) =>
  compare(kinds, 'start after SIGKILL with 1 GiB of log', killedStarts);

async function compare(kinds: readonly Kind[], what: string, measure: Measure): Promise<void> {
  const compared = kinds.filter((kind) => kind !== 'Kafka, flush per message');
  const dir = await mkdtemp(join(tmpdir(), 'tailrace-bench-'));
  const all = new Map<Kind, Starts>();
  try {
    for (const [i, kind] of compared.entries()) all.set(kind, await measure(kind, join(dir, String(i))));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  const row = (name: string, of: (starts: Starts) => readonly number[]) => {
    const ours = of(all.get('Tailrace')!);
    const theirs = all.get('Kafka');
    if (theirs === undefined) return [name, spread(ours, 0), 'missing', 'missing', currentCommit()];
    const ratio = (median(ours) / median(of(theirs))).toFixed(2);
    return [name, spread(ours, 0), spread(of(theirs), 0), ratio, currentCommit()];
  };
  publish({
    name: 'log-start',
    title: 'Start of the log, beside a real Kafka',
    header: ['what', 'Tailrace', 'Kafka', 'part of Kafka’s (bar 1/2)', 'commit'],
    rows: [row(`${what}, ms`, ({ ms }) => ms), row(`RSS after a ${what}, MiB`, ({ rssMb }) => [rssMb])],
    merge: true,
    notes: ['Until a client is told the end of the partition, which shows that recovery is over.'],
  });
}

async function coldStarts(kind: Kind, dir: string): Promise<Starts> {
  const starts: Starts = { ms: [], rssMb: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    await rm(dir, { recursive: true, force: true });
    const broker = await start(kind, dir);
    starts.ms.push(broker.startMs);
    starts.rssMb = usage(broker).rssMb;
    await broker.stop();
  }
  return starts;
}

async function killedStarts(kind: Kind, dir: string): Promise<Starts> {
  const starts: Starts = { ms: [], rssMb: 0 };
  const file = `${dir}.records`;
  await writeRecords(file, RECORDS, 1024);
  let broker = await start(kind, dir);
  await createTopic(broker, 'full', 1);
  const load = { file, records: RECORDS, partitions: 1, batchBytes: 1_000_000, batchRecords: 10_000 };
  for (let i = 0; i < FILLS; i++) await produce(broker.address, 'full', load);
  for (let round = 0; round < KILLS; round++) {
    await broker.kill();
    broker = await start(kind, dir);
    const asked = performance.now();
    await waitForEnd(broker, BigInt(FILLS * RECORDS));
    starts.ms.push(broker.startMs + performance.now() - asked);
    starts.rssMb = usage(broker).rssMb;
  }
  await broker.stop();
  return starts;
}

/** Asks until the partition's end is told, which is all that was acknowledged. */
async function waitForEnd({ port }: Broker, expected: bigint): Promise<void> {
  const client = await WireClient.connect(port);
  for (;;) {
    const end = await endOf(client, 'full', 0);
    if (end === expected) break;
    // Kafka's records are in the page cache, which a killed process leaves behind: fewer would be a loss.
    if (end !== null) throw new Error(`records lost: ${end} of ${expected}`);
    await new Promise((wake) => setTimeout(wake, 5));
  }
  client.close();
}
