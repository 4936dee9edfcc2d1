/** `tailrace topics` and `tailrace groups` on a real process with a Kafka client beside them, and on its data directory. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Consumer, Kafka, logLevel } from 'kafkajs';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../demo/servers/free-port.ts';
import type { Compacted, GroupDescription, SeekPlan, ShownRecord } from '../../src/contracts/operations.ts';
import { createApp } from '../../src/main.ts';
import { cli } from '../support/cli.ts';
import { Project, until } from '../support/project.ts';

const app = await createApp();

async function started(settings = '') {
  const port = await freePort();
  const project = await Project.alone(`kafka:\n  listen: 127.0.0.1:${port}\n${settings}`);
  const running = project.start();
  await until('it runs', async () => (await running.status()) !== null, running);
  const kafka = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING });
  const tailrace = (args: readonly string[], input: readonly string[] = []) =>
    cli(args, { dir: project.dir, app, input });
  const json = async <T>(args: readonly string[], input: readonly string[] = []): Promise<T> => {
    const { out } = await tailrace([...args, '--json'], input);
    const envelope = JSON.parse(out);
    expect(Object.keys(envelope).sort()).toEqual(['command', 'error', 'ok', 'result', 'summary']);
    if (envelope.error !== null) throw Object.assign(new Error(envelope.error.message), envelope.error);
    return envelope.result;
  };
  return { project, running, kafka, tailrace, json };
}

async function consumed(kafka: Kafka, groupId: string, topic: string, count: number): Promise<[Consumer, string[]]> {
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100 });
  onTestFinished(() => consumer.disconnect());
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  const values: string[] = [];
  const all = Promise.withResolvers<void>();
  await consumer.run({
    autoCommitThreshold: 1,
    eachMessage: async ({ message }) => {
      values.push(String(message.value));
      if (values.length === count) all.resolve();
    },
  });
  await all.promise;
  return [consumer, values];
}

test('topics: created, written by hand and by a client, read in ranges', async () => {
  const { kafka, tailrace, json } = await started();
  expect((await tailrace(['topics'])).out).toBe('no topics\n');
  const created = await tailrace(['topics', 'create', 'orders', 'retention.ms=-1', '--partitions', '2']);
  expect(created).toMatchObject({ code: 0, err: '' });
  expect(created.out).toContain('retention.ms');
  expect(await tailrace(['topics', 'create', 'orders'])).toMatchObject({
    code: 3,
    err: expect.stringContaining('topic.exists'),
  });
  expect(await tailrace(['topics', 'create', 'a b'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('topic.invalid'),
  });

  const lines = Array.from({ length: 1_200 }, (_, i) => `k${i % 3}:v${i}`);
  expect((await tailrace(['topics', 'write', 'orders', '--separator', ':'], lines)).out).toBe(
    'wrote 1,200 records to orders\n',
  );
  const producer = kafka.producer();
  await producer.connect();
  onTestFinished(() => producer.disconnect());
  await producer.send({ topic: 'orders', messages: [{ key: 'k1', value: Buffer.from([0xff]), headers: { h: 'x' } }] });

  const all = await json<ShownRecord[]>(['topics', 'read', 'orders']);
  expect(all).toHaveLength(1_201);
  const k1 = all.filter(({ key }) => key === 'k1');
  // The client found the same partition for the key.
  expect(new Set(k1.map(({ partition }) => partition)).size).toBe(1);
  expect(k1.at(-1)).toMatchObject({ value: { $bytes: '/w==' }, headers: [{ key: 'h', value: 'x' }] });
  const { partition } = k1[0]!;
  const read = async (...args: string[]) => (await tailrace(['topics', 'read', 'orders', ...args])).out;
  expect(await read('--key', 'k1', '--last', '2', '-f', '%k=%v\\n')).toBe('k1=v1198\nk1=/w==\n');
  expect(await read('--partition', `${partition}`, '--from', '3', '--until', '5', '-f', '%p/%o ')).toBe(
    `${partition}/3 ${partition}/4 `,
  );
  expect(await read('--from', '1h', '-n', '1', '-f', '%t')).toBe('orders');
  expect(await read('--until', '1h')).toBe('');
  expect(await read('--from', 'latest')).toBe('');
  const beyond = await tailrace(['topics', 'read', 'orders', '--partition', '0', '--from', '99999', '--json']);
  expect(beyond.code).toBe(4);
  expect(JSON.parse(beyond.out)).toMatchObject({ ok: false, result: [], error: { code: 'log.offset_out_of_range' } });
  expect(await tailrace(['topics', 'read', 'order'])).toMatchObject({
    code: 3,
    err: expect.stringContaining('did you mean "orders"?'),
  });

  expect(created.out).toMatch(/retention.ms +-1$/m);

  await tailrace(['topics', 'create', 'state', 'cleanup.policy=compact']);
  expect(await tailrace(['topics', 'write', 'state', '--value', 'v'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('needs a key'),
  });
  expect((await tailrace(['topics', 'write', 'state', '--key', 'k', '--tombstone'])).code).toBe(0);
  expect(await json(['topics', 'read', 'state'])).toMatchObject([{ key: 'k', value: null }]);
  const objects = [JSON.stringify({ key: 'o', value: 'w', headers: [{ key: 'a', value: 'b' }], timestamp: 5 }), 'no'];
  const broken = await tailrace(['topics', 'write', 'state', '--objects'], objects);
  expect(broken).toMatchObject({ code: 2, err: expect.stringContaining('line 2') });
  await tailrace(['topics', 'write', 'state', '--objects'], objects.slice(0, 1));
  expect(await read('--last', '1')).toContain('\t');
  const after = await tailrace(['topics', 'read', 'state', '--last', '1', '-f', '%T %k %v %h']);
  expect(after.out).toBe('1970-01-01T00:00:00.005Z o w a=b');

  await tailrace(['topics', 'write', 'state', '--separator', ':'], lines);
  const before = await json<ShownRecord[]>(['topics', 'read', 'state']);
  const [compacted] = await json<Compacted[]>(['topics', 'compact', 'state']);
  expect(compacted!.bytesAfter).toBeLessThan(compacted!.bytesBefore / 10);
  const left = await json<ShownRecord[]>(['topics', 'read', 'state']);
  expect(left.length).toBeLessThan(10);
  // Of each key what came last.
  const last = (records: readonly ShownRecord[]) => new Map(records.map(({ key, value }) => [key, value]));
  expect(last(left)).toEqual(last(before));

  const following = tailrace(['topics', 'read', 'orders', '--from', 'latest', '--follow', '-n', '2', '-f', '%v ']);
  let isDone = false;
  void following.then(() => {
    isDone = true;
  });
  await until('it follows', async () => {
    if (!isDone) await tailrace(['topics', 'write', 'orders', '--value', 'new', '--partition', '0']);
    return isDone;
  });
  expect((await following).out).toBe('new new ');
  expect((await tailrace(['topics', 'read', 'orders', '--follow', '--until', '5'])).code).toBe(2);

  const [deleted, gone] = [await tailrace(['topics', 'delete', 'orders', '--yes']), await tailrace(['topics'])];
  expect(deleted.out).toMatch(/^deleted orders with 1,2\d\d records/);
  expect(gone.out).not.toContain('orders');
  expect((await tailrace(['topics', 'read', 'orders'])).code).toBe(3);
});

test('groups: members keep their offsets, without them a seek does what its preview said', async () => {
  const { kafka, tailrace, json } = await started();
  await tailrace(['topics', 'create', 't']);
  await tailrace(['topics', 'write', 't'], ['a', 'b', 'c', 'd']);
  const [consumer] = await consumed(kafka, 'g', 't', 4);
  const describe = () => json<GroupDescription>(['groups', 'describe', 'g']);
  await until('the offsets are committed', async () => (await describe()).offsets[0]?.offset === '4');
  expect(await describe()).toMatchObject({
    state: 'Stable',
    members: [{ host: expect.stringContaining('127.0.0.1') }],
  });
  expect((await tailrace(['groups'])).out).toMatch(/^g +Stable +1 +0$/m);
  const seek = ['groups', 'seek', 'g', '--to-offset', '2'];
  const refused = await tailrace([...seek, '--yes']);
  expect(refused).toMatchObject({ code: 3, out: '', err: expect.stringContaining('group.active') });
  expect(refused.err).toContain('stop its consumers');
  await consumer.disconnect();

  expect(await tailrace(seek)).toMatchObject({ code: 2, err: expect.stringContaining('add --yes') });
  expect(await tailrace([...seek, '--dry-run'])).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^t +0 +4 +2 +reads 2 again$/m),
  });
  expect((await describe()).offsets[0]!.offset).toBe('4');
  const { plan, moved } = await json<{ plan: SeekPlan; moved: boolean }>([...seek, '--yes']);
  expect([moved, plan.moves]).toEqual([true, [{ topic: 't', partition: 0, from: '4', to: '2' }]]);
  expect((await consumed(kafka, 'g', 't', 2))[1]).toEqual(['c', 'd']);

  expect((await tailrace(['groups', 'seek', 'new', '--to-group', 'g', '--yes'])).code).toBe(0);
  expect((await tailrace(['groups', 'seek', 'new', '--to-time', '1h', '--yes'])).out).toContain(
    'moved 1 partition of new',
  );
  expect((await json<GroupDescription>(['groups', 'describe', 'new'])).offsets).toMatchObject([
    { offset: '0', lag: '4' },
  ]);
  expect(await tailrace(['groups', 'seek', 'nobody', '--to-latest'])).toMatchObject({
    code: 3,
    err: expect.stringContaining('--topic TOPIC'),
  });
});

test('invariant 12: records and changes only for who may read the data directory', async () => {
  const { project, tailrace } = await started();
  await tailrace(['topics', 'create', 't']);
  await tailrace(['topics', 'write', 't', '--value', 'row value']);
  const file = join(project.dir, 'data', 'api.json');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const { url, token } = JSON.parse(readFileSync(file, 'utf8'));
  const ask = async (path: string, method = 'GET', headers: Record<string, string> = {}) => {
    const response = await fetch(`${url}${path}`, { method, headers });
    return [response.status, await response.text()] as const;
  };
  for (const headers of [
    {},
    { authorization: 'Bearer wrong' },
    { authorization: token },
    { authorization: 'Bearer ' },
  ]) {
    for (const [path, method] of [
      ['/topics/t/records', 'GET'],
      ['/topics/t', 'DELETE'],
      ['/groups/g/seek', 'POST'],
    ] as const) {
      const [status, text] = await ask(path, method, headers as Record<string, string>);
      expect([path, status]).toEqual([path, 401]);
      expect(text).not.toContain('row value');
    }
  }
  expect((await ask('/topics/t'))[0]).toBe(200);
  const authorization = `Bearer ${token}`;
  expect((await ask('/topics/t/records', 'GET', { authorization }))[1]).toMatch(/row value.*\n\{"end":true\}\n$/);
  expect((await ask('/topics/t/records', 'GET', { authorization, origin: 'https://evil.example' }))[0]).toBe(403);
});

test('a backup while clients write: refused where something is, restored with everything acknowledged before it', async () => {
  const { project, tailrace, json } = await started();
  await tailrace(['topics', 'create', 't']);
  const lines = Array.from({ length: 500 }, (_, i) => `v${i}`);
  await tailrace(['topics', 'write', 't'], lines);
  const backup = join(project.dir, 'backup');
  const writing = tailrace(['topics', 'write', 't'], lines);
  expect(await json(['log', 'backup', backup])).toMatchObject({ files: expect.any(Number), unreadable: [] });
  await writing;
  expect(await tailrace(['log', 'backup', backup])).toMatchObject({
    code: 3,
    err: expect.stringContaining('holds something already'),
  });
  expect(await tailrace(['log', 'backup', '--cancel'])).toMatchObject({ code: 3, out: 'nothing was under way\n' });
  const restored = join(project.dir, 'restored');
  expect((await tailrace(['log', 'restore', backup, '--data-dir', restored])).code).toBe(0);
  const held = await json<ShownRecord[]>(['topics', 'read', 't', '--data-dir', restored]);
  expect(held.slice(0, 500).map(({ value }) => value)).toEqual(lines);
});

test('without a process the data directory is read, and not changed', async () => {
  const { project, running, kafka, tailrace, json } = await started();
  await tailrace(['topics', 'create', 't', '--partitions', '2']);
  await tailrace(['topics', 'write', 't'], ['a', 'b', 'c', 'd']);
  const [consumer] = await consumed(kafka, 'g', 't', 4);
  await consumer.disconnect();
  const live = [await json(['topics']), await json(['topics', 'read', 't']), await json(['topics', 'describe', 't'])];
  const lag = await json(['groups', 'ls']);
  // Killed: what is there is in the write-ahead log.
  running.kill();
  await running.exited;
  for (const _ of ['killed', 'stopped']) {
    const before = digest(join(project.dir, 'data'));
    expect([
      await json(['topics']),
      await json(['topics', 'read', 't']),
      await json(['topics', 'describe', 't']),
    ]).toEqual(live);
    expect(await json(['groups', 'ls'])).toEqual(lag);
    expect((await tailrace(['topics', 'read', 't', '--last', '1', '-f', '%v'])).out).toHaveLength(2);
    const refused = await tailrace(['topics', 'write', 't', '--value', 'x']);
    expect(refused).toMatchObject({ code: 3, err: expect.stringContaining('instance.not_running') });
    expect(digest(join(project.dir, 'data'))).toBe(before);
    const again = project.start();
    await until('it runs again', async () => (await again.status()) !== null, again);
    expect(await json(['topics', 'read', 't'])).toEqual(live[1]);
    expect((await again.stop()).code).toBe(0);
  }
});

/** Of every file but the lock, whose own module opens it. */
function digest(dir: string): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(dir, name);
    if (name.startsWith('lock') || !statSync(path).isFile()) continue;
    hash.update(name).update(readFileSync(path));
  }
  return hash.digest('hex');
}
