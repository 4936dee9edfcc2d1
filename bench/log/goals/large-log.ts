/** Opening a log of 10 GiB with a thousand partitions: closed properly, and killed while it was written to. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { RecordBatchBuilder } from '../../../src/wire/record-batch.ts';
import { type Figure, openAt } from './goal.ts';

const PARTITIONS = 1_000;
const BATCHES = 2;
const BATCH_BYTES = 5 << 20;
/** As many go straight to their segments in one commit. */
const PARTITIONS_OF_A_COMMIT = 4;
/** Less than begins a checkpoint of its own: only the write-ahead log has it when the process is killed. */
const UNFLUSHED_BYTES = 6 << 10;

export async function largeLog(dir: string): Promise<readonly Figure[]> {
  await inChild('large-log-filled', dir);
  const clean = await inChild('large-log-opened', dir);
  // That one was killed behind its last commit.
  const walBytes = bytesIn(join(dir, 'wal'));
  const killed = await inChild('large-log-opened', dir);
  const gib = (PARTITIONS * BATCHES * BATCH_BYTES) / 2 ** 30;
  const beside = `${gib.toFixed(1)} GiB in the page cache; ${(walBytes / 2 ** 20).toFixed(0)} MiB of write-ahead log after the kill`;
  const row = (what: string, openMs: number, goalMs: number): Figure => {
    const name = `opening 10 GiB in ${PARTITIONS.toLocaleString('en')} partitions, ${what}`;
    return { what: name, measured: `${openMs.toFixed(0)} ms`, goal: `≤ ${goalMs} ms`, met: openMs <= goalMs, beside };
  };
  return [row('closed properly', clean, 1_000), row('killed while it was written to', killed, 2_000)];
}

/** What the child says, ms. It may end in any way. */
async function inChild(goal: string, dir: string): Promise<number> {
  const child = fork(process.argv[1]!, [goal, dir], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  let said = 0;
  child.on('message', (message) => {
    said = Number(message);
  });
  await once(child, 'exit');
  if (said === 0) throw new Error(`${goal} said nothing`);
  return said;
}

function bytesIn(dir: string): number {
  return readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);
}

export async function largeLogFilled(dir: string): Promise<readonly Figure[]> {
  const begun = performance.now();
  const log = await openAt(dir);
  await log.topics.ensure('large', { partitions: PARTITIONS, cleanup: 'delete' });
  const epoch = await log.fence('writer');
  for (let round = 0; round < BATCHES; round++) {
    for (let partition = 0; partition < PARTITIONS; ) {
      const transaction = log.begin('writer', epoch);
      for (const end = partition + PARTITIONS_OF_A_COMMIT; partition < end; partition++) {
        await transaction.append('large', partition, batch(BATCH_BYTES));
      }
      await transaction.commit();
    }
  }
  await log.close();
  process.send!(performance.now() - begun);
  return [];
}

/** Tells how long opening took; then writes to every partition, and dies. */
export async function largeLogOpened(dir: string): Promise<readonly Figure[]> {
  const begun = performance.now();
  const log = await openAt(dir);
  const openMs = performance.now() - begun;
  for (const { endOffset } of log.topics.get('large')!.partitions) {
    if (endOffset < BigInt(BATCHES)) throw new Error('records are missing');
  }
  const epoch = await log.fence('writer');
  for (let partition = 0; partition < PARTITIONS; ) {
    const transaction = log.begin('writer', epoch);
    for (const end = partition + 100; partition < end; partition++) {
      await transaction.append('large', partition, batch(UNFLUSHED_BYTES));
    }
    await transaction.commit();
  }
  await new Promise<void>((sent) => process.send!(openMs, () => sent()));
  process.kill(process.pid, 'SIGKILL');
  return [];
}

function batch(bytes: number): Uint8Array {
  const builder = new RecordBatchBuilder();
  const value = Buffer.alloc(bytes >> 2, 'x');
  builder.begin(1_700_000_000_000);
  for (let i = 0; i < 4; i++) builder.append(1_700_000_000_000, null, value);
  return builder.finish();
}
