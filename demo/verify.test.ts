/** The demo as its user runs it: child processes, the command line, Ctrl-C. */

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { testSeed } from '../test/support/seed.ts';

const LAUNCHER = fileURLToPath(new URL('../bin/tailrace.cjs', import.meta.url));
const SEED = String(testSeed);
/** Of load: enough for the four kills and a last run; the command's own default is longer. */
const SECONDS = '12';

interface Result {
  readonly code: number | null;
  readonly output: string;
}

/** @param interruptAt text in the output after which Ctrl-C is pressed */
function demo(args: readonly string[], interruptAt?: string): Promise<Result> {
  const child = spawn(process.execPath, [LAUNCHER, 'demo', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  let interrupted = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (interrupted || interruptAt === undefined || !output.includes(interruptAt)) return;
      interrupted = true;
      child.kill('SIGINT');
    });
  }
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, output })));
}

test('--verify: killed four times, every store equals the shop', { timeout: 240_000 }, async () => {
  const { code, output } = await demo(['--verify', '--seed', SEED, '--seconds', SECONDS]);
  expect(code, output).toBe(0);
  expect(output).toContain(`seed ${SEED}`);
  for (const place of ['in the snapshot', 'inside a transaction', "between a sink's write", 'from outside']) {
    expect(output).toContain(`killed with SIGKILL ${place}`);
  }
  expect(output).toMatch(/audit file +\d{4,} +0 +0 +0 +equal/);
  expect(output).toContain('every store equals the shop');
});

test('--verify --sabotage drop-one: the planted loss is found', { timeout: 240_000 }, async () => {
  const { code, output } = await demo(['--verify', '--sabotage', 'drop-one', '--seed', SEED, '--seconds', SECONDS]);
  expect(code, output).toBe(4);
  expect(output).toMatch(/sabotage: .* removed/);
  expect(output).toMatch(/ 1 +0 +0 +NOT EQUAL/);
});

test('live: first rows within 10 s, Ctrl-C stops cleanly, the second start goes on', { timeout: 180_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tailrace-demo-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const first = await demo(['--data-dir', directory], 'first rows in a sink after');
  expect(first.code, first.output).toBe(0);
  expect(first.output).toContain('made a new shop');
  const after = Number(/first rows in a sink after ([\d.]+) s/.exec(first.output)?.[1]);
  expect(after).toBeLessThanOrEqual(10);
  expect(existsSync(join(directory, 'postgres', 'postmaster.pid'))).toBe(false);
  const second = await demo(['--data-dir', directory, '--seconds', '3']);
  expect(second.code, second.output).toBe(0);
  expect(second.output).toContain('going on with the shop that is there');
  expect(second.output).toMatch(/warehouse \d+\/s lag/);
});

test('wrong arguments: exit code 2 and a word on what is right', async () => {
  for (const args of [['--nope'], ['--seed', 'x'], ['--sabotage', 'drop-one'], ['--verify', '--sabotage', 'other']]) {
    const { code, output } = await demo(args);
    expect(code, output).toBe(2);
    expect(output).toContain('tailrace demo --help');
  }
});
