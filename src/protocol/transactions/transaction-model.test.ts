/**
 * Random histories of transactional producers against what transactions promise: the log holds the records of exactly the
 * transactions whose commit was acknowledged (or could have been), each once, whole and in order of their ends, whatever
 * former selves, repeats, late requests, timeouts and restarts do.
 */

import { expect, test } from 'vitest';
import fc from '../../../test/support/fast-check.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { MemoryLog } from '../../../test/support/memory-log.ts';
import { producedBatch } from '../../../test/support/produced-batch.ts';
import { KafkaError } from '../../wire/messages/error-codes.ts';
import { readBatchHeader } from '../../wire/record-batch.ts';
import { LogWriter } from '../log-writer.ts';
import { ProducerIds } from '../producer-ids.ts';
import { Producers } from '../producers.ts';
import { TransactionCoordinator } from './coordinator.ts';
import type { ProducerIdentity } from './stored-producer.ts';

const PLACE = { topic: 't', partition: 0 };
const TIMEOUT = 10_000;
/** Histories: in full, of more than 100,000 transactions together. */
const RUNS = process.env.TAILRACE_FULL === undefined ? 150 : 60_000;

/** A client with one transactional id, as it sees itself. */
interface Client {
  readonly id: string;
  /** Ends give it its next epoch. */
  readonly bumps: boolean;
  identity: ProducerIdentity | null;
  /** What it was when it gave up, which nobody else has taken away from it yet. */
  abandoned: ProducerIdentity | null;
  sequence: number;
  /** What it has staged; null while it has no transaction open. */
  staged: string[] | null;
  /** Of this client's earlier ends and selves. */
  readonly former: ProducerIdentity[];
  openedMs: number;
}

class World {
  readonly log = new MemoryLog();
  readonly clock = new ManualClock();
  readonly committed: string[] = [];
  readonly done = { ended: 0, late: 0, restarts: 0, fenced: 0 };
  readonly clients: Client[] = [
    { id: 'a', bumps: true, identity: null, abandoned: null, sequence: 0, staged: null, former: [], openedMs: 0 },
    { id: 'b', bumps: false, identity: null, abandoned: null, sequence: 0, staged: null, former: [], openedMs: 0 },
  ];
  coordinator!: TransactionCoordinator;
  #values = 0;

  async start(): Promise<void> {
    const { log, clock } = this;
    await log.topics.ensure('t', { partitions: 1, cleanup: 'delete' });
    const writer = await LogWriter.open(log);
    const producers = new Producers(log.checkpoints, async () => -1n);
    const producerIds = new ProducerIds(log.checkpoints, writer);
    this.coordinator = new TransactionCoordinator({ log, writer, clock, producers, producerIds }, 1 << 30);
  }

  async init(client: Client): Promise<void> {
    const answer = await this.coordinator.init(client.id, TIMEOUT, null);
    expect(answer.errorCode).toBe(KafkaError.NONE);
    for (const before of [client.abandoned, client.identity]) if (before !== null) client.former.push(before);
    client.abandoned = null;
    this.#become(client, answer);
    client.staged = null;
  }

  async produce(client: Client, repeat: boolean): Promise<void> {
    const { identity } = client;
    if (identity === null) return;
    const value = `${client.id}${this.#values++}`;
    const open = client.staged !== null;
    if (!open) client.openedMs = this.clock.now();
    if (!client.bumps && !open) {
      const added = await this.coordinator.add(client.id, identity, [PLACE]);
      if (added !== KafkaError.NONE) return this.#fenced(client, added);
    }
    const outcome = await this.#send(client, identity, value, client.sequence);
    if (outcome !== KafkaError.NONE) return this.#fenced(client, outcome);
    if (repeat) expect(await this.#send(client, identity, 'never seen', client.sequence)).toBe(KafkaError.NONE);
    client.sequence++;
    client.staged = [...(client.staged ?? []), value];
  }

  async end(client: Client, commit: boolean, repeat: boolean): Promise<void> {
    const { identity, staged } = client;
    if (identity === null || staged === null) return;
    const end = () => this.coordinator.end(client.id, identity, commit, client.bumps);
    const answer = await end();
    if (answer.errorCode !== KafkaError.NONE) return this.#fenced(client, answer.errorCode);
    this.done.ended++;
    if (commit) this.committed.push(...staged);
    if (repeat) expect(await end()).toEqual(answer);
    if (client.bumps) client.former.push(identity);
    this.#become(client, answer);
    client.staged = null;
  }

  /** A request of a former self, or one that was long on its way. */
  async late(client: Client, which: number, commit: boolean): Promise<void> {
    const identity = client.former.at(-1 - (which % Math.max(1, client.former.length)));
    if (identity === undefined) return;
    this.done.late++;
    if (which % 2 === 0) {
      expect(await this.#send(client, identity, 'zombie', 0)).not.toBe(KafkaError.NONE);
      return;
    }
    const { errorCode } = await this.coordinator.end(client.id, identity, commit, client.bumps);
    // The last end may be asked for again, as long as nothing was begun since.
    if (errorCode === KafkaError.NONE) expect(client.staged).toBeNull();
  }

  async restart(): Promise<void> {
    this.done.restarts++;
    this.log.crash();
    await this.start();
    for (const client of this.clients) if (client.staged !== null) client.staged = [];
  }

  async sleep(ms: number): Promise<void> {
    await this.clock.advance(ms);
  }

  async check(): Promise<void> {
    const batches = await this.log.read('t', 0, 0n, 1 << 30);
    const values = batches.flatMap((batch) => [...batch.records()].map(({ value }) => String(value)));
    expect(values).toEqual(this.committed);
  }

  #send(client: Client, { producerId, epoch }: ProducerIdentity, value: string, sequence: number) {
    const bytes = producedBatch([value], { producerId, epoch, sequence });
    return this.coordinator.produce(client.id, PLACE, bytes, readBatchHeader(bytes, 0), client.bumps);
  }

  /** What a client does when it is told that it cannot go on: it starts over. */
  #fenced(client: Client, errorCode: number): void {
    this.done.fenced++;
    const expected = [
      KafkaError.PRODUCER_FENCED,
      KafkaError.TRANSACTION_ABORTABLE,
      KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER,
      KafkaError.INVALID_TXN_STATE,
    ] as number[];
    expect(expected).toContain(errorCode);
    if (client.identity !== null) {
      if (errorCode === KafkaError.PRODUCER_FENCED) client.former.push(client.identity);
      else client.abandoned = client.identity;
    }
    client.identity = null;
    client.staged = null;
  }

  #become(client: Client, { producerId, epoch }: ProducerIdentity): void {
    if (client.identity?.epoch !== epoch || client.identity.producerId !== producerId) client.sequence = 0;
    client.identity = { producerId, epoch };
  }
}

test('transactions, random histories', async () => {
  const step = fc.record({
    client: fc.nat(1),
    what: fc.constantFrom('init', 'produce', 'produce', 'produce', 'end', 'end', 'late', 'restart', 'sleep'),
    flag: fc.boolean(),
    which: fc.nat(5),
  });
  const done: World['done'] = { ended: 0, late: 0, restarts: 0, fenced: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 50, size: 'max' }), async (steps) => {
      const world = new World();
      await world.start();
      for (const client of world.clients) await world.init(client);
      for (const { client: index, what, flag, which } of steps) {
        const client = world.clients[index]!;
        if (what === 'init') await world.init(client);
        else if (what === 'produce') await world.produce(client, flag);
        else if (what === 'end') await world.end(client, which > 1, flag);
        else if (what === 'late') await world.late(client, which, flag);
        else if (what === 'restart' && flag) await world.restart();
        else if (what === 'sleep') await world.sleep(which * 3_000);
        await world.check();
      }
      for (const kind of Object.keys(done) as (keyof World['done'])[]) done[kind] += world.done[kind];
    }),
    { numRuns: RUNS },
  );
  const { ended, late, restarts, fenced } = done;
  console.log(
    `${RUNS} histories: ${ended} transactions ended, ${late} late requests, ${restarts} restarts, ${fenced} fenced`,
  );
  expect(Math.min(ended, late, restarts, fenced)).toBeGreaterThan(RUNS / 4);
});
