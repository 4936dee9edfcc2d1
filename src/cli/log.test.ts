import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { cli, fakeApp } from '../../test/support/cli.ts';
import { batchOf } from '../../test/support/log-batches.ts';
import { eagerClock } from '../../test/support/log-history.ts';
import { openLog } from '../log/embedded-log.ts';
import { createLogTools } from '../log/tools/index.ts';

const app = fakeApp({ logTools: async () => createLogTools({ clock: eagerClock, random: Math.random }) });

/** A stopped instance's data directory with four batches of two records; the third one damaged if wanted. */
async function dataDir(damaged: boolean): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-cli-log-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const log = await openLog({ dir, clock: eagerClock, random: Math.random, log: () => {}, cleanEveryMs: null });
  await log.topics.ensure('shop.orders', { partitions: 1, cleanup: 'delete' });
  for (const n of [1, 2, 3, 4]) {
    const transaction = log.begin('writer', 0);
    await transaction.append('shop.orders', 0, batchOf([`a${n}`, `b${n}`]));
    await transaction.commit();
  }
  await log.close();
  if (damaged) flipIn(join(dir, 'topics'));
  return dir;
}

function flipIn(topics: string): void {
  const segment = readdirSync(topics, { recursive: true, encoding: 'utf8' }).find((path) => path.endsWith('.log'))!;
  const bytes = readFileSync(join(topics, segment));
  bytes[Math.floor((bytes.length * 2.5) / 4)]! ^= 4;
  writeFileSync(join(topics, segment), bytes);
}

const run = (dir: string, ...words: string[]) => cli(['log', ...words, '--data-dir', dir], { app });

test('verify of a sound log', async () => {
  const dir = await dataDir(false);
  const { code, out, err } = await run(dir, 'verify');
  expect([code, err]).toEqual([0, '']);
  expect(out).toMatch(/^✓ every record can be read\nread: 4 batches in 1 topic, \d+ B\n$/);
  const json = JSON.parse((await run(dir, 'verify', '--json')).out);
  expect(json).toMatchObject({ command: 'log verify', ok: true, result: { batches: 4, unreadable: [] }, error: null });
});

test('verify and repair of a damaged one: the range, what to do, exit code 1', async () => {
  const dir = await dataDir(true);
  for (const words of [['verify'], ['repair', '--dry-run'], ['repair']]) {
    const { code, out } = await run(dir, ...words);
    expect(code).toBe(1);
    expect(out).toContain(
      '✗ records that are lost\n  topic        partition  from  to\n  shop.orders  0          4     6\n',
    );
    expect(out).toContain('→ restore a backup');
    expect(out).toContain('3 batches in 1 topic');
    expect(out).toContain('1 range of records cannot be read');
  }
  const json = JSON.parse((await run(dir, 'verify', '--json')).out);
  const unreadable = [{ topic: 'shop.orders', partition: 0, from: '4', to: '6' }];
  expect(json).toMatchObject({ ok: false, result: { unreadable }, error: null });
});

test('dump lists the batches, and no values', async () => {
  const dir = await dataDir(true);
  const { code, out } = await run(dir, 'dump');
  expect(code).toBe(0);
  const lines = out.trim().split('\n');
  expect(lines).toHaveLength(4);
  expect(lines[0]).toMatch(/^shop\.orders-0 {2}0–1 {2}2 records {2}\d+ B {2}2023-11-14T22:13:20\.000Z$/);
  expect(lines[2]).toBe('shop.orders-0  4–5  cannot be read');
  const json = (await run(dir, 'dump', '--json')).out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(json[3]).toMatchObject({ topic: 'shop.orders', base: '6', next: '8', records: 2, readable: true });
});

test('backup and restore, with progress on a terminal', async () => {
  const dir = await dataDir(false);
  const backup = `${dir}-backup`;
  const restored = `${dir}-restored`;
  onTestFinished(() => {
    for (const path of [backup, restored]) rmSync(path, { recursive: true, force: true });
  });
  const { code, out, err } = await cli(['log', 'backup', backup, '--data-dir', dir], { app, isTty: true });
  expect([code, out]).toEqual([0, expect.stringMatching(/^copied \d+ log files?, [\d.]+ [KM]?B\n$/)]);
  expect(err).toContain(' of ');
  expect((await run(restored, 'restore', backup)).out).toMatch(/^restored \d+ log files?, /);
  expect((await run(restored, 'verify')).code).toBe(0);
  const again = await run(restored, 'restore', backup);
  expect(again.code).toBe(3);
  expect(again.err).toContain('holds something already');
});

test('wrong words and a running instance are answered with what is meant', async () => {
  const dir = await dataDir(false);
  expect(await run(dir, 'backup')).toMatchObject({
    code: 2,
    err: expect.stringContaining('needs the directory to copy to'),
  });
  expect(await run(dir, 'restore')).toMatchObject({ code: 2, err: expect.stringContaining('of the backup') });
  expect((await run(`${dir}-nowhere`, 'verify')).code).toBe(3);
  const log = await openLog({ dir, clock: eagerClock, random: Math.random, log: () => {}, cleanEveryMs: null });
  for (const words of [['verify'], ['repair'], ['dump'], ['backup', `${dir}-backup`]]) {
    const { code, err } = await run(dir, ...words);
    expect(code).toBe(3);
    expect(err).toContain(`the process ${process.pid} uses the data directory`);
  }
  expect(existsSync(`${dir}-backup`)).toBe(false);
  await log.close();
});
