/** What every sink with `consistency: transactional` must do: its readers see only states that the source had. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { TailraceError } from '../../src/contracts/errors.ts';
import { testSeed } from './seed.ts';
import type { SqlTarget } from './sql-sink-suite.ts';
import { TABLES, TOTAL, writeTransfers } from './transfers.ts';
import type { TransfersJob } from './transfers-child.ts';
import { seeded } from './verification-scene.ts';

const CHILD = fileURLToPath(new URL('transfers-child.ts', import.meta.url));
const TRANSACTIONS = 200;
const KILLS = Number(process.env.TAILRACE_KILLS ?? 2);
const FAILPOINTS = ['sink.after-flush', 'sink.after-write', 'sink.before-flush'];

export interface WatchedTarget extends SqlTarget {
  /** The rows of the statement, which has one column of numbers; null when a table is not there. */
  numbers(sql: string): Promise<readonly number[] | null>;
}

export function transactionalSuite(newTarget: () => Promise<WatchedTarget>): void {
  test('transfers between tables: the sum is right in each state that is seen, with kills', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'tailrace-transfers-'));
    try {
      const random = seeded(testSeed);
      await writeTransfers(join(dir, 'log'), TRANSACTIONS, random);
      const target = await newTarget();
      const job = { ...target.job, dataDir: join(dir, 'log'), consistency: 'transactional', records: 50 } as const;
      for (let kill = 0; kill < KILLS; kill++) {
        const failpoint = `${FAILPOINTS[kill % FAILPOINTS.length]}:${2 + Math.floor(random() * 20)}`;
        await watch(target, job, failpoint);
      }
      await watch(target, job, '');
      for (const table of TABLES) expect(await target.rows(table, ['id'])).toHaveLength(10);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }, 180_000);
}

/** Runs the child to its end and looks at the target all the while. */
async function watch(target: WatchedTarget, job: TransfersJob, failpoint: string): Promise<void> {
  const env = { ...process.env, TAILRACE_FAILPOINT: failpoint };
  const child = spawn(process.execPath, [CHILD, JSON.stringify(job)], { env, stdio: ['ignore', 'inherit', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (text) => (errors += String(text)));
  const closed = once(child, 'close');
  let running = true;
  closed.then(() => (running = false));
  while (running) {
    expect([null, TOTAL]).toContain(await sumOf(target));
    await turn();
  }
  const [code, signal] = await closed;
  expect([null, TOTAL]).toContain(await sumOf(target));
  if (code !== 0 && signal !== 'SIGKILL')
    throw new TailraceError('internal.bug', `child ended with ${code}: ${errors}`);
}

/** Of all balances, in one statement; null while the tables are not there. */
async function sumOf(target: WatchedTarget): Promise<number | null> {
  const all = TABLES.map((table) => `SELECT balance FROM ${target.quoted(table)}`).join(' UNION ALL ');
  return (await target.numbers(`SELECT sum(balance) AS n FROM (${all}) AS b`))?.[0] ?? null;
}
