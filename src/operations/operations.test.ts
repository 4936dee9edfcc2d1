import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import fc from '../../test/support/fast-check.ts';
import type {
  GroupMembership,
  Operations,
  ReadRequest,
  ShownRecord,
  TopicDescription,
} from '../contracts/operations.ts';
import { systemClock } from '../lib/clock.ts';
import { type EmbeddedLog, openLog } from '../log/embedded-log.ts';
import { RecordBatchBuilder } from '../wire/record-batch.ts';
import { createLogReader, createOperations, type OperationsOptions, type TopicRules } from './index.ts';

const rules: TopicRules = {
  isOpen: (topic) => !topic.startsWith('__'),
  maxPartitions: 10,
  nameProblem: (name) => (/^\w[\w.]*$/.test(name) ? null : 'not a name'),
  settingProblem: (name) => (name === 'cleanup.policy' || name === 'retention.ms' ? null : `${name} is not known`),
  settings: (config) => [
    {
      name: 'cleanup.policy',
      value: config['cleanup.policy'] ?? 'delete',
      isDefault: config['cleanup.policy'] === undefined,
    },
    { name: 'retention.ms', value: '1', isDefault: true },
  ],
};

interface Model {
  readonly partition: number;
  readonly offset: bigint;
  readonly timestamp: number;
  readonly key: string;
}

const dir = mkdtempSync(join(tmpdir(), 'tailrace-operations-'));
/** Recent: the log keeps records for seven days. */
const BASE = Date.now() - 60_000;
const members = new Map<string, string[]>();
const model: Model[] = [];
let log: EmbeddedLog;
let operations: Operations;

const membership: GroupMembership = {
  names: () => [...members.keys()],
  get(group) {
    const ids = members.get(group);
    return ids && { state: 'Stable', members: ids.map((id) => ({ id, clientId: id, host: 'h' })) };
  },
  forgetTopic: async (topic) => void forgotten.push(topic),
  setOffsets(group, offsets) {
    if ((members.get(group)?.length ?? 0) > 0) return null;
    return commit(
      Object.fromEntries(offsets.map((one) => [`group/${group}/${one.topic}/${one.partition}`, String(one.offset)])),
    );
  },
};

const forgotten: string[] = [];
const compact = (topic: string) => log.clean({ compact: topic });

async function commit(checkpoints: Readonly<Record<string, string>>): Promise<void> {
  const transaction = log.begin('test', await log.fence('test'));
  for (const [name, value] of Object.entries(checkpoints)) transaction.checkpoint(name, value);
  await transaction.commit();
}

/** Batches of one to seven records in two partitions, times going up and down. */
async function fill(seed: number): Promise<void> {
  let state = seed;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  await log.topics.ensure('t', { partitions: 2, cleanup: 'delete' });
  const ends = [0n, 0n];
  const transaction = log.begin('test', await log.fence('test'));
  for (let batch = 0; batch < 60; batch++) {
    const partition = random(2);
    const builder = new RecordBatchBuilder();
    builder.begin(BASE);
    for (let count = 1 + random(7); count > 0; count--) {
      const timestamp = BASE + random(1_000);
      const key = `k${random(5)}`;
      builder.append(timestamp, Buffer.from(key), Buffer.from('v'));
      model.push({ partition, offset: ends[partition]!++, timestamp, key });
    }
    await transaction.append('t', partition, builder.finish());
  }
  await transaction.commit();
}

const backUp: OperationsOptions['backUp'] = (...call) => log.backup(...call);

beforeAll(async () => {
  log = await openLog({ dir, clock: systemClock, random: Math.random, log: () => {} });
  await fill(7);
  operations = createOperations({ log, admin: log.admin, rules, clock: systemClock, membership, compact, backUp });
});
afterAll(async () => {
  await log.close();
  rmSync(dir, { recursive: true, force: true });
});

const everything: ReadRequest = {
  topic: 't',
  partitions: null,
  from: { at: 'start' },
  until: null,
  key: null,
  limit: null,
  follow: false,
};

async function read(request: Partial<ReadRequest>): Promise<ShownRecord[]> {
  const records: ShownRecord[] = [];
  for await (const list of operations.topics.read({ ...everything, ...request })) records.push(...list);
  return records;
}

function expected({ partitions, from, until, key, limit }: ReadRequest): string[] {
  const found = [0, 1].flatMap((partition) => {
    if (partitions !== null && !partitions.includes(partition)) return [];
    const accepted = model.filter(
      (one) =>
        one.partition === partition &&
        (key === null || one.key === key) &&
        (from.at !== 'offset' || one.offset >= BigInt(from.offset)) &&
        (from.at !== 'time' || one.timestamp >= from.ms) &&
        from.at !== 'end' &&
        (until?.at !== 'offset' || one.offset < BigInt(until.offset)) &&
        (until?.at !== 'time' || one.timestamp < until.ms),
    );
    return from.at === 'last' ? accepted.slice(-from.count) : accepted;
  });
  return found.slice(0, limit ?? undefined).map(({ partition, offset }) => `${partition}/${offset}`);
}

describe('reading', () => {
  test('any range gives what a filter over everything gives', async () => {
    const offset = fc.integer({ min: 0, max: 70 }).map(String);
    const ms = fc.integer({ min: BASE - 10, max: BASE + 1_010 });
    const request = fc.record<ReadRequest>({
      topic: fc.constant('t'),
      partitions: fc.constantFrom(null, [0], [1], [0, 1]),
      from: fc.oneof(
        fc.constantFrom({ at: 'start' as const }, { at: 'end' as const }),
        offset.map((at) => ({ at: 'offset' as const, offset: at })),
        ms.map((at) => ({ at: 'time' as const, ms: at })),
        fc.integer({ min: 1, max: 300 }).map((count) => ({ at: 'last' as const, count })),
      ),
      until: fc.oneof(
        fc.constant(null),
        offset.map((at) => ({ at: 'offset' as const, offset: at })),
        ms.map((at) => ({ at: 'time' as const, ms: at })),
      ),
      key: fc.constantFrom(null, 'k1', 'k4', 'none'),
      limit: fc.oneof(fc.constant(null), fc.integer({ min: 0, max: 20 })),
      follow: fc.constant(false),
    });
    await fc.assert(
      fc.asyncProperty(request, async (one) => {
        const shown = (await read(one)).map((record) => `${record.partition}/${record.offset}`);
        expect(shown).toEqual(expected(one));
      }),
      { numRuns: 300 },
    );
  });

  test('following: first what is there, then what comes, until the limit or the end of it', async () => {
    const { create, write } = operations.topicWriter;
    await create('f', { partitions: 2, settings: {} });
    const records = (values: readonly string[]) => values.map((value) => ({ key: 'k', value }));
    await write({ topic: 'f', partition: 0, records: records(['a', 'b']) });
    const stop = new AbortController();
    const request = { ...everything, topic: 'f', from: { at: 'last', count: 1 }, follow: true } as const;
    const values: unknown[] = [];
    let came = Promise.withResolvers<void>();
    const reading = (async () => {
      for await (const list of operations.topics.read(request, stop.signal)) {
        values.push(...list.map(({ value }) => value));
        came.resolve();
      }
    })();
    await came.promise;
    expect(values).toEqual(['b']);
    came = Promise.withResolvers();
    await write({ topic: 'f', partition: 1, records: records(['c']) });
    await came.promise;
    expect(values).toEqual(['b', 'c']);
    stop.abort();
    await reading;
    const limited = read({ ...request, limit: 3 });
    await write({ topic: 'f', partition: 0, records: records(['d', 'e']) });
    expect((await limited).map(({ value }) => value)).toHaveLength(3);
    const stored = { topics: log.topics, checkpoints: log.checkpoints, read: log.read.bind(log) };
    const { topics } = createLogReader({ log: stored, times: undefined, configOf: () => undefined, rules });
    await expect(topics.read(request)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'instance.not_running',
    });
  });

  test('invariant 5: an offset that is not there is refused; below the start, and above the end of the one partition', async () => {
    await expect(read({ partitions: [0], from: { at: 'offset', offset: '9999' } })).rejects.toMatchObject({
      code: 'log.offset_out_of_range',
    });
    await expect(read({ partitions: [2] })).rejects.toMatchObject({ code: 'topic.invalid' });
    await expect(read({ topic: 'tt' })).rejects.toMatchObject({
      code: 'log.no_such_topic',
      remedy: 'did you mean "t"?',
    });
  });
});

describe('writing', () => {
  test('what was written is read, byte for byte, by key and in turn', async () => {
    await operations.topicWriter.create('mine', { partitions: 2, settings: {} });
    const bytes = { $bytes: Buffer.from([0xff, 0, 0xfe]).toString('base64') };
    const written = await operations.topicWriter.write({
      topic: 'mine',
      partition: null,
      records: [
        { key: 'a', value: 'één', headers: [{ key: 'h', value: bytes }], timestamp: 5 },
        { key: bytes, value: null },
        { key: null, value: '' },
        { key: null, value: '\ufeffx' },
      ],
    });
    expect(written.reduce((sum, { records }) => sum + records, 0)).toBe(4);
    const records = await read({ topic: 'mine' });
    expect(records.find(({ key }) => key === 'a')).toMatchObject({
      value: 'één',
      timestamp: 5,
      headers: [{ key: 'h', value: bytes }],
    });
    expect(records).toContainEqual(expect.objectContaining({ key: bytes, value: null }));
    expect(records).toContainEqual(expect.objectContaining({ key: null, value: '\ufeffx' }));
    const partitions = records.filter(({ key }) => key === null).map(({ partition }) => partition);
    expect(new Set(partitions)).toEqual(new Set([0, 1]));
  });

  test('invariant 3: a request with one record that does not fit writes nothing', async () => {
    await operations.topicWriter.create('compacted', { partitions: 1, settings: { 'cleanup.policy': 'compact' } });
    const records = [
      { key: 'k', value: 'v' },
      { key: null, value: 'v' },
    ];
    const request = { topic: 'compacted', partition: null, records };
    await expect(operations.topicWriter.write(request)).rejects.toMatchObject({ code: 'topic.invalid' });
    const large = { key: 'k', value: 'x'.repeat(1_000_001) };
    await expect(operations.topicWriter.write({ ...request, records: [records[0]!, large] })).rejects.toMatchObject({
      code: 'topic.invalid',
    });
    expect(await read({ topic: 'compacted' })).toEqual([]);
    await operations.topicWriter.write({ ...request, records: [records[0]!] });
    expect(await read({ topic: 'compacted' })).toHaveLength(1);
  });

  test('what cannot be created, written or deleted, and why', async () => {
    const { create, write, delete: remove } = operations.topicWriter;
    const one = { partitions: 1, settings: {} };
    await expect(create('t', one)).rejects.toMatchObject({ code: 'topic.exists' });
    await expect(create('a b', one)).rejects.toMatchObject({ code: 'topic.invalid', message: 'not a name' });
    await expect(create('__x', one)).rejects.toMatchObject({ code: 'topic.reserved' });
    await expect(create('x', { ...one, partitions: 11 })).rejects.toMatchObject({ code: 'topic.invalid' });
    await expect(create('x', { ...one, settings: { nonsense: '1' } })).rejects.toMatchObject({ code: 'topic.invalid' });
    await log.topics.ensure('__own', { partitions: 1, cleanup: 'delete' });
    await expect(write({ topic: '__own', partition: null, records: [] })).rejects.toMatchObject({
      code: 'topic.reserved',
    });
    await expect(remove('__own')).rejects.toMatchObject({ code: 'topic.reserved' });
    await expect(write({ topic: 't', partition: 5, records: [] })).rejects.toMatchObject({ code: 'topic.invalid' });
  });
});

describe('topics', () => {
  test('are altered: settings set and taken back, partitions added; what cannot be is refused', async () => {
    const { create, alter } = operations.topicWriter;
    await create('altered', { partitions: 2, settings: {} });
    const policy = ({ settings }: TopicDescription) => settings.find(({ name }) => name === 'cleanup.policy');
    const changed = await alter('altered', { partitions: 3, settings: { 'cleanup.policy': 'compact' } });
    expect(changed.partitions).toHaveLength(3);
    expect(policy(changed)).toMatchObject({ value: 'compact', isDefault: false });
    const back = await alter('altered', { partitions: 3, settings: { 'cleanup.policy': null } });
    expect(policy(back)).toMatchObject({ value: 'delete', isDefault: true });
    for (const change of [
      { partitions: 2, settings: {} },
      { partitions: 11, settings: {} },
      { partitions: null, settings: { nonsense: '1' } },
      { partitions: null, settings: { nonsense: null } },
    ]) {
      await expect(alter('altered', change)).rejects.toMatchObject({ code: 'topic.invalid' });
    }
    await log.topics.ensure('__other', { partitions: 1, cleanup: 'delete' });
    const none = { partitions: null, settings: {} };
    await expect(alter('__other', none)).rejects.toMatchObject({ code: 'topic.reserved' });
    await expect(alter('no', none)).rejects.toMatchObject({ code: 'log.no_such_topic' });
  });

  test('that are deleted take the offsets of outside groups along, and leave those of sinks', async () => {
    await operations.topicWriter.create('gone', { partitions: 1, settings: {} });
    await operations.topicWriter.create('kept', { partitions: 1, settings: {} });
    const own = { 'group/a/b/gone/0': '0', 'group/a/b/kept/0': '0', 'group/tailrace.p.s/gone/0': '0' };
    await commit(own);
    await operations.topicWriter.delete('gone');
    expect(forgotten).toEqual(['gone']);
    await operations.topicWriter.create('gone', { partitions: 1, settings: {} });
    const alone = createOperations({
      log,
      admin: log.admin,
      rules,
      clock: systemClock,
      membership: null,
      compact,
      backUp,
    });
    await alone.topicWriter.delete('gone');
    const left = Object.keys(own).filter((name) => log.checkpoints.get(name) !== undefined);
    expect(left).toEqual(['group/a/b/kept/0', 'group/tailrace.p.s/gone/0']);
  });
});

describe('compaction', () => {
  test('is for compacted topics, keeps the last record of each key, and says how much it freed', async () => {
    const { create, write, compact: run } = operations.topicWriter;
    await create('c', { partitions: 1, settings: { 'cleanup.policy': 'compact' } });
    const records = Array.from({ length: 1_000 }, (_, i) => ({ key: `k${i % 10}`, value: 'x'.repeat(100) + i }));
    await write({ topic: 'c', partition: null, records });
    const [done] = await run('c');
    expect(done!.bytesAfter).toBeLessThan(done!.bytesBefore / 10);
    const left = await read({ topic: 'c' });
    expect(new Map(left.map(({ key, value }) => [key, value]))).toEqual(
      new Map(records.slice(-10).map(({ key, value }) => [key, value])),
    );
    expect(left).toHaveLength(10);
    await expect(run('t')).rejects.toMatchObject({ code: 'topic.invalid' });
  });
});

describe('groups', () => {
  const seek = { group: 'g', topics: null, partitions: null };

  test('are listed and described with their lag; sinks are told apart', async () => {
    await commit({
      'group/g/t/0': '{"v":1,"offset":"3","leaderEpoch":0,"metadata":"","committedMs":1}',
      'group/tailrace.p.s/t/1': '2',
    });
    const end = operations.topics.describe('t').partitions[0]!.endOffset;
    const lag = String(BigInt(end) - 3n);
    expect(operations.groups.list()).toContainEqual({ name: 'g', state: 'Empty', members: 0, lag });
    expect(operations.groups.list().find(({ name }) => name === 'tailrace.p.s')?.state).toBe('Sink');
    expect(operations.groups.describe('g').offsets).toEqual([
      { topic: 't', partition: 0, offset: '3', start: '0', end, lag },
    ]);
    expect(() => operations.groups.describe('gg')).toThrow(expect.objectContaining({ code: 'group.not_found' }));
  });

  test('are moved as the preview says: earliest, latest, offset, time, group, and topics that are new to them', async () => {
    const { plan, apply } = operations.seeker;
    const end = BigInt(operations.topics.describe('t').partitions[0]!.endOffset);
    const first = model.find(({ partition, timestamp }) => partition === 0 && timestamp >= BASE + 900)!.offset;
    const cases = [
      [{ to: 'earliest' }, 0n],
      [{ to: 'latest' }, end],
      [{ to: 'offset', offset: '4' }, 4n],
      [{ to: 'time', ms: BASE + 900 }, first],
      [{ to: 'time', ms: BASE + 5_000 }, end],
      [{ to: 'group', group: 'g' }, 5n],
    ] as const;
    for (const [to, wanted] of cases) {
      await commit({ 'group/g/t/0': '5' });
      const preview = await plan({ ...seek, seek: to });
      expect(preview, to.to).toEqual({
        group: 'g',
        members: 0,
        moves: [{ topic: 't', partition: 0, from: '5', to: String(wanted) }],
      });
      await apply(preview);
      expect(operations.groups.describe('g').offsets[0]!.offset).toBe(String(wanted));
    }
    const fresh = await plan({ ...seek, group: 'fresh', topics: ['t'], partitions: [1], seek: { to: 'earliest' } });
    expect(fresh.moves).toEqual([{ topic: 't', partition: 1, from: null, to: '0' }]);
    await apply(fresh);
    expect(operations.groups.describe('fresh').offsets).toHaveLength(1);
  });

  test('are left alone while they have members, when they moved since the preview, and when they are sinks', async () => {
    const { plan, apply } = operations.seeker;
    await commit({ 'group/g/t/0': '5' });
    const preview = await plan({ ...seek, seek: { to: 'earliest' } });
    members.set('g', ['m']);
    expect((await plan({ ...seek, seek: { to: 'earliest' } })).members).toBe(1);
    await expect(apply(preview)).rejects.toMatchObject({
      code: 'group.active',
      remedy: expect.stringContaining('stop'),
    });
    members.delete('g');
    await commit({ 'group/g/t/0': '6' });
    await expect(apply(preview)).rejects.toMatchObject({ code: 'group.changed' });
    expect(operations.groups.describe('g').offsets[0]!.offset).toBe('6');
    const sink = { ...seek, group: 'tailrace.p.s', seek: { to: 'earliest' } } as const;
    await expect(plan(sink)).rejects.toMatchObject({ code: 'group.reserved' });
    const without = createOperations({
      log,
      admin: log.admin,
      rules,
      clock: systemClock,
      membership: null,
      compact,
      backUp,
    }).seeker;
    await expect(without.apply(preview)).rejects.toMatchObject({ code: 'log.not_offered' });
  });

  test('invariant 5: offsets that are not there are refused', async () => {
    const { plan } = operations.seeker;
    await expect(plan({ ...seek, seek: { to: 'offset', offset: '9999' } })).rejects.toMatchObject({
      code: 'log.offset_out_of_range',
    });
    await commit({ 'group/beyond/t/0': '9999' });
    await expect(plan({ ...seek, seek: { to: 'group', group: 'beyond' } })).rejects.toMatchObject({
      code: 'log.offset_out_of_range',
    });
    await expect(plan({ ...seek, group: 'none', seek: { to: 'latest' } })).rejects.toMatchObject({
      code: 'group.not_found',
    });
  });
});
