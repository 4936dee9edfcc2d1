import { describe, expect, onTestFinished, test } from 'vitest';
import fc from '../../test/support/fast-check.ts';
import { TestBroker } from '../../test/support/kafka-broker.ts';
import { WireClient } from '../../test/support/kafka-wire.ts';
import { batchOf } from '../../test/support/log-batches.ts';
import { fetch } from '../wire/messages/fetch.ts';
import { NO_UUID } from '../wire/messages/schema.ts';
import { readRecords } from '../wire/record-batch.ts';
import { FetchMemory } from './fetch-memory.ts';

const LARGE = 1 << 20;
const BUFFER = LARGE + (64 << 10);

describe('memory that answers are read into', () => {
  test('is nobody else’s before it is released, and invariant 10: no more of it is kept than is allowed', () => {
    const step = fc.record({ lender: fc.nat(3), bytes: fc.nat(2 * LARGE), release: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const memory = new FetchMemory(3 * BUFFER);
        const lenders = Array.from({ length: 4 }, () => memory.lend());
        const taken = lenders.map((): Buffer[] => []);
        for (const { lender, bytes, release } of steps) {
          if (release) {
            lenders[lender]!.release();
            taken[lender] = [];
          } else {
            const buffer = lenders[lender]!.take(bytes);
            expect(buffer.length).toBe(bytes);
            const others = taken.flat().filter(({ length }) => length >= 128 << 10);
            if (bytes >= 128 << 10) for (const other of others) expect(other.buffer).not.toBe(buffer.buffer);
            taken[lender]!.push(buffer);
          }
          expect(memory.idleBytes).toBeLessThanOrEqual(3 * BUFFER);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('a client that takes its answer slowly gets what it asked for, whatever others read meanwhile', async () => {
    const broker = await TestBroker.start();
    onTestFinished(() => broker.close());
    const batches = 24;
    await fill(broker, batches);
    const slow = await WireClient.connect(broker.port);
    slow.socket.pause();
    slow.send(fetch, 11, fetchFrom(0n, 8 << 20));
    const quick = await WireClient.connect(broker.port);
    for (let at = 8n; at < batches; at++) {
      expect(offsetsIn(await quick.ask(fetch, 11, fetchFrom(at, LARGE)))).toEqual([Number(at)]);
    }
    slow.socket.resume();
    expect(offsetsIn(await slow.answer(fetch, 11))).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    for (const client of [slow, quick]) client.close();
  });
});

/** Batches of a record each, nearly 1 MiB, in segments; the record at offset n is made of n. */
async function fill(broker: TestBroker, batches: number): Promise<void> {
  await broker.log.topics.ensure('t', { partitions: 1, cleanup: 'delete' });
  const epoch = await broker.log.fence('writer');
  for (let n = 0; n < batches; n++) {
    const transaction = broker.log.begin('writer', epoch);
    await transaction.append('t', 0, batchOf([String.fromCharCode(97 + n).repeat(1_000_000)]));
    await transaction.commit();
  }
  await broker.restart();
}

function fetchFrom(fetchOffset: bigint, maxBytes: number) {
  const partition = { partition: 0, fetchOffset, partitionMaxBytes: maxBytes };
  const topics = [{ topic: 't', topicId: NO_UUID, partitions: [partition] }];
  return { maxWaitMs: 0, minBytes: 1, maxBytes, topics, forgottenTopicsData: [] };
}

interface Answer {
  readonly responses: readonly { readonly partitions: readonly { readonly records: Buffer | null }[] }[];
}

/** Offsets of the records, each of which is checked to be made of its own. */
function offsetsIn({ responses }: Answer): number[] {
  const offsets: number[] = [];
  const { records } = responses[0]!.partitions[0]!;
  for (let at = 0; records !== null && at < records.length; ) {
    const batch = records.subarray(at, at + 12 + records.readInt32BE(at + 8));
    for (const { offset, value } of readRecords(batch)) {
      expect(Buffer.alloc(1_000_000, 97 + Number(offset)).equals(value!)).toBe(true);
      offsets.push(Number(offset));
    }
    at += batch.length;
  }
  return offsets;
}
