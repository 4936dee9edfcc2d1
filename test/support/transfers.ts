/** A log of bank transfers between the accounts of two tables: the sum of all balances is the same after each transaction. */
import type { RowOp, RowWriter } from '../../src/contracts/row.ts';
import type { TableDescription } from '../../src/contracts/schema.ts';
import { createEnvelope } from '../../src/envelope/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { openLog } from '../../src/log/embedded-log.ts';
import { sourceCheckpoint } from '../../src/pipeline/checkpoint-names.ts';

export const BANK = 'bank';
export const TABLES = ['accounts', 'vaults'] as const;
const ROWS = 10;
const FIRST_BALANCE = 1_000;
/** Of all balances in both tables. */
export const TOTAL = TABLES.length * ROWS * FIRST_BALANCE;

const describe = (table: string): TableDescription => ({
  source: BANK,
  schema: 'public',
  table,
  columns: [
    { name: 'id', kind: 'int32', native: 'integer', nullable: false, keyOrdinal: 1 },
    { name: 'balance', kind: 'int32', native: 'integer', nullable: false },
  ],
});

/** Most transactions change two rows; every twentieth has several hundred changes. */
function transfersIn(i: number): number {
  return i % 20 === 19 ? 150 : 1;
}

/**
 * Writes the log as a source would: one transaction with all rows, then the transfers, several transactions a commit.
 * @param random uniform in [0, 1)
 */
export async function writeTransfers(dir: string, transactions: number, random: () => number): Promise<void> {
  const log = await openLog({ dir, clock: systemClock, random: Math.random, log: () => {} });
  const name = sourceCheckpoint(BANK);
  const epoch = await log.fence(name);
  const now = () => systemClock.now();
  const encoder = createEnvelope({ productVersion: 'test' }).encoder({
    source: BANK,
    version: null,
    now,
    connector: 'test',
    transform: null,
  });
  const writers = TABLES.map((table) => encoder.writer(encoder.register(describe(table))));
  const balances = TABLES.map(() => new Array<number>(ROWS).fill(FIRST_BALANCE));
  const pick = (below: number) => Math.floor(random() * below);
  for (let i = 0; i <= transactions; ) {
    for (const end = i + 1 + pick(8); i < end && i <= transactions; i++) {
      encoder.begin({ id: String(i + 1), kind: 'stream', timeUs: now() * 1_000, position: `0/${i.toString(16)}` });
      if (i === 0) for (const [t, writer] of writers.entries()) insertAll(writer, balances[t]!);
      else transfer(writers, balances, pick, transfersIn(i));
      encoder.end();
    }
    for (const topic of encoder.newTopics()) await log.topics.ensure(topic.name, { partitions: 1, cleanup: 'compact' });
    const transaction = log.begin(name, epoch);
    for (const { topic, partition, bytes } of encoder.take()) await transaction.append(topic, partition, bytes);
    transaction.checkpoint(name, encoder.version());
    await transaction.commit();
  }
  await log.close();
}

function insertAll(writer: RowWriter, balances: readonly number[]): void {
  for (const [id, balance] of balances.entries()) write(writer, 'c', id, balance);
}

/** All that is taken away comes first: in the midst of a transaction the sum is wrong. */
function transfer(
  writers: readonly RowWriter[],
  balances: number[][],
  pick: (below: number) => number,
  count: number,
): void {
  const amounts = Array.from({ length: count }, () => 1 + pick(20));
  for (const change of [...amounts.map((amount) => -amount), ...amounts]) {
    const table = pick(TABLES.length);
    const id = pick(ROWS);
    const balance = (balances[table]![id]! += change);
    write(writers[table]!, 'u', id, balance);
  }
}

function write(writer: RowWriter, op: RowOp, ...values: number[]): void {
  writer.begin(op);
  writer.side('after');
  for (const [i, value] of values.entries()) {
    const text = Buffer.from(String(value));
    writer.text(i, text, 0, text.length);
  }
  writer.end();
}
