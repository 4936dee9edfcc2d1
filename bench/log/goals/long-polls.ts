/** Consumers that wait: what a thousand of them cost, how soon one is woken, and how exactly a wait ends. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createTopics } from '../../../src/wire/messages/create-topics.ts';
import { fetch } from '../../../src/wire/messages/fetch.ts';
import { produce } from '../../../src/wire/messages/produce.ts';
import { NO_UUID } from '../../../src/wire/messages/schema.ts';
import { RecordBatchBuilder } from '../../../src/wire/record-batch.ts';
import { WireClient } from '../../../test/support/kafka-wire.ts';
import { type Figure, ms, pause, percentile } from './goal.ts';

const WAITING = 1_000;
const WINDOW_MS = 10_000;
const WAKES = 400;
const SHORT_WAIT_MS = 200;
const SHORT_WAITS = 40;
/** Longer than everything that is measured. */
const LONG_WAIT_MS = 120_000;

export async function longPolls(dir: string): Promise<readonly Figure[]> {
  const broker = fork(join(dirname(process.argv[1]!), 'broker-process.js'), [dir], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  try {
    const [{ port }] = (await once(broker, 'message')) as [{ port: number }];
    return await measured(broker, port);
  } finally {
    broker.disconnect();
    await once(broker, 'exit');
  }
}

async function measured(broker: ChildProcess, port: number): Promise<Figure[]> {
  const client = await WireClient.connect(port);
  for (const [name, numPartitions] of [
    ['idle', WAITING],
    ['live', 1],
  ] as const) {
    const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] };
    await client.ask(createTopics, 4, { topics: [topic], timeoutMs: 10_000, validateOnly: false });
  }
  const idle: WireClient[] = [];
  for (let partition = 0; partition < WAITING; partition++) {
    const waiting = await WireClient.connect(port);
    waiting.send(fetch, 11, fetchOf('idle', partition, 0n, LONG_WAIT_MS));
    idle.push(waiting);
  }
  await pause(1_000);
  const before = await cpuSeconds(broker);
  await pause(WINDOW_MS);
  const share = ((await cpuSeconds(broker)) - before) / (WINDOW_MS / 1000);
  const wakes = await wakeTimes(client, await WireClient.connect(port));
  const late = await lateness(client);
  for (const waiting of [...idle, client]) waiting.close();
  const p99 = percentile(wakes, 0.99);
  const early = `${ms(percentile(late, 0))} to ${ms(percentile(late, 0.99))} (p99)`;
  return [
    figure(
      `${WAITING.toLocaleString('en')} consumers that wait, one for each partition: part of a core`,
      `${(share * 100).toFixed(2)} %`,
      '≤ 2 %',
      share <= 0.02,
    ),
    figure(
      'a consumer is answered after the producer, p50 (p99)',
      `${ms(percentile(wakes, 0.5))} (${ms(p99)})`,
      '≤ 1 ms at p50',
      percentile(wakes, 0.5) <= 1,
    ),
    figure(
      'a wait for nothing ends so much after its time',
      early,
      '± 10 ms',
      percentile(late, 0) >= -10 && percentile(late, 0.99) <= 10,
    ),
  ];
}

const figure = (what: string, value: string, goal: string, met: boolean): Figure => {
  return { what, measured: value, goal, met, beside: `${WAITING.toLocaleString('en')} others wait` };
};

async function cpuSeconds(broker: ChildProcess): Promise<number> {
  const answer = once(broker, 'message');
  broker.send('usage');
  const [{ cpuSeconds: used }] = (await answer) as [{ cpuSeconds: number }];
  return used;
}

/** ms from the acknowledgement, which comes when the record is durable, to the answer of who waits for it; sorted by time. */
async function wakeTimes(producer: WireClient, consumer: WireClient): Promise<number[]> {
  const builder = new RecordBatchBuilder();
  const times: number[] = [];
  for (let offset = 0n; offset < BigInt(WAKES); offset++) {
    const woken = consumer.ask(fetch, 11, fetchOf('live', 0, offset, LONG_WAIT_MS)).then(() => performance.now());
    await pause(2);
    builder.begin(1_700_000_000_000);
    builder.append(1_700_000_000_000, null, Buffer.alloc(1024, 'x'));
    const topicData = [{ name: 'live', partitionData: [{ index: 0, records: [builder.finish()] }] }];
    await producer.ask(produce, 7, { transactionalId: null, acks: -1, timeoutMs: 10_000, topicData });
    const acknowledged = performance.now();
    times.push((await woken) - acknowledged);
  }
  consumer.close();
  return times;
}

/** ms by which waits that nothing ends take longer than was asked for. */
async function lateness(client: WireClient): Promise<number[]> {
  const late: number[] = [];
  for (let i = 0; i < SHORT_WAITS; i++) {
    const begun = performance.now();
    await client.ask(fetch, 11, fetchOf('idle', 0, 0n, SHORT_WAIT_MS));
    late.push(performance.now() - begun - SHORT_WAIT_MS);
  }
  return late;
}

function fetchOf(topic: string, partition: number, fetchOffset: bigint, maxWaitMs: number) {
  const partitions = [{ partition, fetchOffset, partitionMaxBytes: 1 << 20 }];
  const topics = [{ topic, topicId: NO_UUID, partitions }];
  return { maxWaitMs, minBytes: 1, maxBytes: 1 << 20, topics, forgottenTopicsData: [] };
}
