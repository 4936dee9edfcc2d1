import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { WireClient } from '../../test/support/kafka-wire.ts';
import { producedBatch } from '../../test/support/produced-batch.ts';
import { initProducerId } from '../wire/messages/init-producer-id.ts';
import { listOffsets } from '../wire/messages/list-offsets.ts';
import { produce } from '../wire/messages/produce.ts';

const CHILD = fileURLToPath(new URL('../../test/support/kafka-broker-child.ts', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'tailrace-killed-'));
let child: ChildProcess | null = null;

async function start(failpoint = ''): Promise<WireClient> {
  const env = { ...process.env, TAILRACE_FAILPOINT: failpoint };
  const started = spawn(process.execPath, [CHILD, dir], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  child = started;
  const [port] = await once(createInterface(started.stdout!), 'line');
  return WireClient.connect(Number(port));
}

afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

test('invariant 3: killed between a durable append and its acknowledgement, the repeat of the batch is not appended again', async () => {
  let client = await start('kafka.before-ack:5');
  const { producerId, producerEpoch } = await client.ask(initProducerId, 4, {
    transactionalId: null,
    transactionTimeoutMs: 0,
  });
  const send = async (sequence: number) => {
    const records = [producedBatch(['a', 'b'], { producerId, epoch: producerEpoch, sequence: sequence * 2 })];
    const topicData = [{ name: 't', partitionData: [{ index: 0, records }] }];
    const { responses } = await client.ask(produce, 9, { acks: -1, timeoutMs: 0, topicData });
    const { errorCode, baseOffset } = responses[0]!.partitionResponses[0]!;
    expect(errorCode).toBe(0);
    return baseOffset;
  };
  for (let i = 0; i < 4; i++) expect(await send(i)).toBe(BigInt(i * 2));
  await expect(send(4)).rejects.toThrow('closed the connection');
  if (child?.signalCode === null) await once(child, 'exit');
  expect(child?.signalCode).toBe('SIGKILL');
  client = await start();
  const partitions = [{ partitionIndex: 0, timestamp: -1n }];
  const end = async () => {
    const request = { replicaId: -1, isolationLevel: 0, topics: [{ name: 't', partitions }] };
    return (await client.ask(listOffsets, 5, request)).topics[0]!.partitions[0]!.offset;
  };
  expect(await end()).toBe(10n);
  for (const sequence of [4, 3, 4]) expect(await send(sequence)).toBe(BigInt(sequence * 2));
  expect(await end()).toBe(10n);
  expect(await send(5)).toBe(10n);
  expect(await end()).toBe(12n);
});
