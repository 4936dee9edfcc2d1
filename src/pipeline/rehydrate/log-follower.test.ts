import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { SentColumn, SentRow } from '../../../test/support/encoded.ts';
import {
  RehydrationWorld,
  type Session,
  TABLE,
  TOPIC,
  tableOf,
  textColumn,
} from '../../../test/support/rehydration-world.ts';
import { ROW } from '../../../test/support/unsent-rows.ts';
import { TailraceError } from '../../contracts/errors.ts';

const BIG = 'b'.repeat(ROW);
/** Moved out once, in a row that has become small. */
const HALF = 'h'.repeat(ROW / 2);

const cell = (value: string | null | undefined): SentColumn => (typeof value === 'string' ? { text: value } : value);
const image = (...values: (string | null | undefined)[]) => [{ text: '1' }, ...values.map(cell)];
const insert = (...values: (string | null | undefined)[]): SentRow => ({ op: 'c', after: image(...values) });
const update = (...values: (string | null | undefined)[]): SentRow => ({ op: 'u', after: image(...values) });

/** The last row of the log after an update that leaves out the first column. */
async function touched(world: RehydrationWorld, session: Session): Promise<unknown> {
  await world.write(session, [update(undefined, 't', null)]);
  session.kept.close(true);
  return (await world.rows()).at(-1)![0];
}

/** A row whose first column lies outside though it is small by now, and the store is gone. */
async function small(): Promise<RehydrationWorld> {
  const world = new RehydrationWorld();
  const session = await world.open();
  await world.write(session, [insert(HALF, BIG, null)]);
  await world.write(session, [update(undefined, 'x', null)]);
  session.kept.close();
  rmSync(world.path);
  return world;
}

test('invariant 9: what a row sends replaces what was kept of it, also when it is small', async () => {
  const world = new RehydrationWorld();
  const session = await world.open();
  await world.write(session, [insert(BIG, null, null), update('now small', null, null)]);
  expect(await touched(world, session)).toBe(undefined);
});

test('invariant 9: what was left out once stays kept, however small its row is by now', async () => {
  const world = new RehydrationWorld();
  const session = await world.open();
  await world.write(session, [insert(HALF, BIG, null), update(undefined, 'x', null), update(undefined, 'y', null)]);
  expect(await touched(world, session)).toBe(HALF);
});

describe('taken from the log', () => {
  test('invariant 9: a small row of which earlier records are there, and one of which they are compacted or deleted', async () => {
    const whole = await small();
    expect(await touched(whole, await whole.open())).toBe(HALF);
    const compacted = await small();
    compacted.log.truncateBefore(TOPIC, 0, 1n);
    compacted.tell({ startOffset: 0n, compactedTo: 2n });
    compacted.log.read = withoutFirst(compacted);
    expect(await touched(compacted, await compacted.open())).toBe(HALF);
    const deleted = await small();
    deleted.log.truncateBefore(TOPIC, 0, 1n);
    expect(await touched(deleted, await deleted.open())).toBe(HALF);
  });

  /** As compaction leaves it: the first record is gone, the offsets are not. */
  function withoutFirst({ log }: RehydrationWorld): typeof log.read {
    const read = log.read.bind(log);
    return (topic, partition, offset, bytes) =>
      read(topic, partition, topic === TOPIC && offset < 1n ? 1n : offset, bytes);
  }

  test('invariant 9: where the store is behind deletes that compaction has removed, behind a new beginning, or follows another log, it begins anew', async () => {
    for (const change of [
      (world: RehydrationWorld) => world.tell({ deletesRemovedTo: world.end + 1n }),
      (world: RehydrationWorld) => void Object.assign(world.log.lineage, { covers: () => false }),
      (world: RehydrationWorld) => void (world.since = { [TOPIC]: String(world.end) }),
    ]) {
      const world = new RehydrationWorld();
      const first = await world.open();
      await world.write(first, [insert(BIG, null, null)]);
      await world.clock.advance(1_000);
      first.kept.close(true);
      change(world);
      // Of the log as it is said to be, nothing is left to be followed.
      world.log.truncateBefore(TOPIC, 0, world.end);
      const session = await world.open();
      expect(await touched(world, session)).toBe(undefined);
    }
  });

  test('a part that is damaged: what was before it is not known, and the source goes on', async () => {
    const world = await small();
    const { read } = world.log;
    world.log.read = async (topic, ...more) => {
      if (topic === TOPIC) throw new TailraceError('log.damaged', 'bytes do not match');
      return read.call(world.log, topic, ...more);
    };
    const session = await world.open();
    world.log.read = read;
    expect(await touched(world, session)).toBe(undefined);
  });

  test('a kept value that is damaged is never used: the store is made anew', async () => {
    const world = new RehydrationWorld();
    const first = await world.open();
    await world.write(first, [insert(BIG, null, null)]);
    first.kept.close(true);
    const bytes = readFileSync(world.path);
    const at = bytes.indexOf(BIG);
    expect(at).toBeGreaterThan(0);
    bytes[at + 7]! ^= 1;
    writeFileSync(world.path, bytes);
    const second = await world.open();
    const failed = expect.objectContaining({ code: 'source.rehydrate', message: expect.stringContaining('damaged') });
    await expect(world.write(second, [update(undefined, 't', null)])).rejects.toThrow(failed);
    second.kept.close();
    expect(await touched(world, await world.open())).toBe(BIG);
  });

  test('columns that the log describes as always sent, by their names', async () => {
    const world = new RehydrationWorld();
    const plain = tableOf(...['c0', 'c1', 'c2'].map((name) => ({ ...textColumn(name), unsent: undefined }) as never));
    const before = await world.open(plain, []);
    await world.write(before, [insert(BIG, null, null)]);
    before.kept.close(true);
    expect(await touched(world, await world.open())).toBe(BIG);
  });

  test('a table whose updates begin to leave out columns while the source runs has it opened again', async () => {
    const world = new RehydrationWorld();
    const empty = await world.open(TABLE, []);
    expect(empty.encoder.writer(empty.table)).toBeDefined();
    await world.write(empty, [insert(BIG, null, null)]);
    empty.kept.close();
    const again = await world.open(TABLE, []);
    expect(() => again.encoder.writer(again.table)).toThrow(expect.objectContaining({ code: 'source.rehydrate' }));
    again.kept.close();
    // Though the source describes it otherwise by now.
    expect(await touched(world, await world.open(TABLE, []))).toBe(BIG);
  });
});

test('a renamed column is the same by its number; one of another kind, or number, is another', async () => {
  const numbered = (name: string, number: number, kind: 'text' | 'bytes' = 'text') =>
    textColumn(name, { kind, unsent: { aboveBytes: 22, aboveRowBytes: ROW, number } });
  for (const [column, expected] of [
    [numbered('renamed', 2), BIG],
    [numbered('c0', 5), undefined],
    [numbered('c0', 2, 'bytes'), undefined],
    [textColumn('c0'), BIG],
  ] as const) {
    const world = new RehydrationWorld();
    const first = await world.open(tableOf(numbered('c0', 2)));
    await world.write(first, [insert(BIG)]);
    first.kept.close();
    const second = await world.open(tableOf(column));
    await world.write(second, [update(undefined)]);
    second.kept.close();
    expect((await world.rows()).at(-1)).toEqual([expected]);
  }
});

test('invariant 10: the store’s transaction ends when it has become long, and not before what is in it is durable', async () => {
  const world = new RehydrationWorld();
  const session = await world.open();
  await world.write(session, [insert(BIG, null, null)]);
  expect(session.kept.needsRest).toBe(false);
  await world.clock.advance(10_000);
  expect(session.kept.needsRest).toBe(true);
  session.kept.rest();
  expect(session.kept.needsRest).toBe(false);
  const large = 'l'.repeat(1 << 20);
  for (let i = 0; i < 17; i++) await world.write(session, [update(large, null, null)]);
  expect(session.kept.needsRest).toBe(true);
  session.kept.close();
});
