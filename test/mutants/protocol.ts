/** Mutants of the Kafka listener. */
import type { Mutant } from './mutant.ts';

const PRODUCE_FETCH = 'src/protocol/produce-fetch.test.ts';

export const protocolMutants: readonly Mutant[] = [
  {
    // One client gets all of the memory for requests.
    invariant: 10,
    file: 'src/protocol/in-flight.ts',
    find: `this.#largeBytes >= MAX_LARGE_BYTES`,
    replace: `this.#largeBytes < 0`,
    test: ['src/protocol/hostile-clients.test.ts', 'invariant 10'],
  },
  {
    // As many requests in memory as a client likes to send.
    invariant: 10,
    file: 'src/protocol/in-flight.ts',
    find: `this.#smallBytes >= MAX_SMALL_BYTES`,
    replace: `this.#smallBytes < 0`,
    test: ['src/protocol/hostile-clients.test.ts', 'invariant 10'],
  },
  {
    // As much memory as the producer of a batch likes.
    invariant: 10,
    file: 'src/wire/record-reader.ts',
    find: `bytes.subarray(HEADER_BYTES, size), MAX_DECOMPRESSED_BYTES)`,
    replace: `bytes.subarray(HEADER_BYTES, size), 2 ** 30)`,
    test: ['src/wire/record-batch.test.ts', 'invariant 10'],
  },
  {
    // Acknowledged while it is on its way to the disk.
    invariant: 8,
    file: 'src/protocol/handlers/produce.ts',
    find: `if (transactionalId === null) await appendAll(broker, entries);`,
    replace: `if (transactionalId === null) void appendAll(broker, entries);`,
    test: [PRODUCE_FETCH, 'invariant 8'],
  },
  {
    // The batch without what tells a repeat of it.
    invariant: 3,
    file: 'src/protocol/producers.ts',
    find: `    transaction.checkpoint(name, JSON.stringify(stored));`,
    replace: '',
    test: [PRODUCE_FETCH, 'invariant 3'],
  },
];
