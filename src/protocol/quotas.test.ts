import { describe, expect, onTestFinished, test } from 'vitest';
import fc from '../../test/support/fast-check.ts';
import { startListener } from '../../test/support/kafka-broker.ts';
import { WireClient } from '../../test/support/kafka-wire.ts';
import { batchOf } from '../../test/support/log-batches.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { MemoryLog } from '../../test/support/memory-log.ts';
import { fetch } from '../wire/messages/fetch.ts';
import { metadata } from '../wire/messages/metadata.ts';
import { produce } from '../wire/messages/produce.ts';
import { saslAuthenticate } from '../wire/messages/sasl-authenticate.ts';
import { saslHandshake } from '../wire/messages/sasl-handshake.ts';
import { NO_UUID } from '../wire/messages/schema.ts';
import { type QuotaOptions, Quotas } from './quotas.ts';
import { Session } from './security/session.ts';

const session = new Session(null);
const RATE = 1_000;
const only = (quota: QuotaOptions['byDefault']): QuotaOptions => ({ byDefault: quota, users: new Map() });

describe('what a user may do', () => {
  test('over any time it is the rate, and what was saved up; below the rate nobody waits', () => {
    const step = fc.record({ bytes: fc.integer({ min: 0, max: 5_000 }), pause: fc.integer({ min: 0, max: 3_000 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let now = 0;
        const clock = { now: () => now, monotonic: () => now, sleep: () => Promise.resolve() };
        const quotas = new Quotas(clock, only({ produce: RATE, fetch: null }));
        let mutedMs = 0;
        const context = { session, mute: (ms: number) => void (mutedMs = ms) };
        let total = 0;
        for (const { bytes, pause } of steps) {
          mutedMs = 0;
          const told = quotas.charge(context, 'produce', bytes);
          expect(told).toBe(mutedMs);
          total += bytes;
          // The client waits, then does something else.
          now += told;
          expect(total).toBeLessThanOrEqual((RATE * (now + 1_000)) / 1_000 + 1);
          now += pause;
          expect(quotas.charge(context, 'fetch', bytes)).toBe(0);
        }
        let slow = 0;
        now += 60_000;
        for (let i = 0; i < 20; i++) {
          slow += quotas.charge(context, 'produce', RATE / 2);
          now += 500;
        }
        expect(slow).toBe(0);
      }),
    );
  });
});

const request = (records: Uint8Array) => ({
  transactionalId: null,
  acks: -1,
  timeoutMs: 1_000,
  topicData: [{ name: 't', partitionData: [{ index: 0, records: [records] }] }],
});
const everything = { topics: null, includeTopicAuthorizedOperations: false };

async function started(quotas: QuotaOptions, users: readonly { name: string; password: string }[] = []) {
  const clock = new ManualClock();
  const log = new MemoryLog();
  await log.topics.ensure('t', { partitions: 1, cleanup: 'delete' });
  const listener = await startListener(log, { clock, security: { quotas, users } });
  onTestFinished(() => listener.close());
  const connect = async (user?: string) => {
    const client = await WireClient.connect(listener.port);
    onTestFinished(() => client.close());
    if (user === undefined) return client;
    await client.ask(saslHandshake, 1, { mechanism: 'PLAIN' });
    await client.ask(saslAuthenticate, 2, { authBytes: Buffer.from(`\0${user}\0${user}`) });
    return client;
  };
  return { clock, connect };
}

test('above the quota the answer comes at once, and what follows on the connection when the time is over', async () => {
  const { clock, connect } = await started(only({ produce: RATE, fetch: null }));
  const [client, other] = [await connect(), await connect()];
  const batch = batchOf(['x'.repeat(3_000)]);
  const first = await client.ask(produce, 9, request(batch));
  expect(first.throttleTimeMs).toBe(batch.length - RATE);
  let isAnswered = false;
  const second = client.ask(produce, 9, request(batch)).then((answer) => {
    isAnswered = true;
    return answer;
  });
  // Others are served meanwhile.
  expect((await other.ask(metadata, 4, everything)).brokers).toHaveLength(1);
  await clock.advance(first.throttleTimeMs - 1);
  expect((await other.ask(metadata, 4, everything)).brokers).toHaveLength(1);
  expect(isAnswered).toBe(false);
  await clock.advance(1);
  expect((await second).responses[0]!.partitionResponses[0]!.errorCode).toBe(0);
});

test('reading counts what was read; a user may have a quota of its own', async () => {
  const users = ['ann', 'bob'].map((name) => ({ name, password: name }));
  const quotas = { byDefault: { produce: null, fetch: RATE }, users: new Map([['bob', { produce: 1, fetch: null }]]) };
  const { connect } = await started(quotas, users);
  const [ann, bob] = [await connect('ann'), await connect('bob')];
  const batch = batchOf(['x'.repeat(3_000)]);
  expect((await ann.ask(produce, 9, request(batch))).throttleTimeMs).toBe(0);
  const read = {
    topic: 't',
    topicId: NO_UUID,
    partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1 << 20 }],
  };
  const wanted = { maxWaitMs: 0, minBytes: 1, maxBytes: 1 << 20, topics: [read], forgottenTopicsData: [] };
  expect((await ann.ask(fetch, 11, wanted)).throttleTimeMs).toBe(batch.length - RATE);
  expect((await bob.ask(fetch, 11, wanted)).throttleTimeMs).toBe(0);
  // No longer than clients wait for an answer.
  expect((await bob.ask(produce, 9, request(batch))).throttleTimeMs).toBe(10_000);
});
