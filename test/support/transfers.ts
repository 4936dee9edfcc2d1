/**
 * A log of bank transfers between the accounts of two tables: the sum of all balances is the same after each transaction, and
 * wrong within. Accounts are closed (deleted) and opened again, a table is emptied (truncated), and half-way both get a column.
 */
import type { SourceEncoder } from '../../src/contracts/envelope.ts';
import type { RowOp, RowWriter } from '../../src/contracts/row.ts';
import type { TableSchema } from '../../src/contracts/schema.ts';
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
/** The column that both tables get. */
export const ADDED = 'memo';
const INT = { kind: 'int32', native: 'integer', nullable: true } as const;

/** What was written of a table. */
export interface Accounts {
  /** That are there in the end, ids rising. */
  readonly rows: readonly (readonly [id: number, balance: number])[];
  /** Records, truncates among them. */
  readonly changes: number;
}

/**
 * Writes the log as a source would: one transaction with all rows, then the transfers, several transactions a commit.
 * @param random uniform in [0, 1)
 */
export async function writeTransfers(
  dir: string,
  transactions: number,
  random: () => number,
): Promise<readonly Accounts[]> {
  const log = await openLog({ dir, clock: systemClock, random: Math.random, log: () => {} });
  const name = sourceCheckpoint(BANK);
  const epoch = await log.fence(name);
  const now = () => systemClock.now();
  const options = { source: BANK, version: null, now, connector: 'test', transform: null };
  const encoder = createEnvelope({ productVersion: 'test' }).encoder(options);
  const bank = new Bank(encoder, random);
  for (let i = 0; i <= transactions; ) {
    for (const end = i + 1 + Math.floor(random() * 8); i < end && i <= transactions; i++) {
      encoder.begin({ id: String(i + 1), kind: 'stream', timeUs: now() * 1_000, position: `0/${i.toString(16)}` });
      bank.transaction(i, transactions);
      encoder.end();
    }
    for (const topic of encoder.newTopics()) await log.topics.ensure(topic.name, { partitions: 1, cleanup: 'compact' });
    const transaction = log.begin(name, epoch);
    for (const { topic, partition, bytes } of encoder.take()) await transaction.append(topic, partition, bytes);
    transaction.checkpoint(name, encoder.version());
    await transaction.commit();
  }
  await log.close();
  return bank.accounts;
}

class Bank {
  readonly #encoder: SourceEncoder;
  readonly #random: () => number;
  readonly #tables: { readonly name: string; schema: TableSchema; writer: RowWriter; isWide: boolean }[];
  readonly #balances = TABLES.map(() => new Map<number, number>());
  readonly #changes = TABLES.map(() => 0);

  constructor(encoder: SourceEncoder, random: () => number) {
    this.#encoder = encoder;
    this.#random = random;
    this.#tables = TABLES.map((name) => ({ name, isWide: false, ...this.#described(name, false) }));
  }

  get accounts(): readonly Accounts[] {
    const sorted = (rows: ReadonlyMap<number, number>) => [...rows].sort(([a], [b]) => a - b);
    return this.#balances.map((rows, table) => ({ rows: sorted(rows), changes: this.#changes[table]! }));
  }

  /** Most change two rows; every twentieth has several hundred changes. */
  transaction(i: number, transactions: number): void {
    if (i === 0) {
      for (const table of TABLES.keys()) for (let id = 0; id < ROWS; id++) this.#set(table, id, FIRST_BALANCE);
      return;
    }
    const widened = i - Math.floor(transactions / 20) * 10 - 2;
    if (i % 20 === 19) this.#transfer(150);
    else if (i % 20 === 9) this.#empty(this.#pick(TABLES.length));
    else if (i % 5 === 0) this.#close();
    else if (i % 5 === 1) this.#open();
    else this.#transfer(1, TABLES[widened] === undefined ? null : widened);
  }

  /** All that is taken away comes first. @param widened a table that gets its column in between */
  #transfer(count: number, widened: number | null = null): void {
    const amounts = Array.from({ length: count }, () => 1 + this.#pick(20));
    for (const amount of amounts) this.#gain(-amount);
    if (widened !== null) {
      const name = TABLES[widened]!;
      this.#tables[widened] = { name, isWide: true, ...this.#described(name, true) };
    }
    for (const amount of amounts) this.#gain(amount);
  }

  #close(): void {
    const [table, id] = this.#anyone();
    if (this.#balances[table]!.size < 3) this.#transfer(1);
    else this.#gain(this.#delete(table, id));
  }

  /** An account that was closed, or one that is there. */
  #open(): void {
    const table = this.#pick(TABLES.length);
    const closed = Array.from({ length: ROWS }, (_, id) => id).filter((id) => !this.#balances[table]!.has(id));
    const id = closed[this.#pick(closed.length)];
    if (id === undefined) this.#transfer(1);
    else {
      this.#gain(-FIRST_BALANCE);
      this.#set(table, id, FIRST_BALANCE);
    }
  }

  /** Truncates the table, opens two accounts of it again, and the rest goes to the other one. */
  #empty(table: number): void {
    const rows = [...this.#balances[table]!];
    this.#encoder.marker({ op: 'truncate', table: this.#tables[table]!.schema });
    this.#changes[table]!++;
    this.#balances[table]!.clear();
    for (const [id, balance] of rows.slice(0, 2)) this.#set(table, id, balance);
    const rest = rows.slice(2).reduce((sum, [, balance]) => sum + balance, 0);
    const other = 1 - table;
    this.#add(other, [...this.#balances[other]!.keys()][0]!, rest);
  }

  #anyone(): [table: number, id: number] {
    const all = this.#balances.flatMap((rows, table) => [...rows.keys()].map((id): [number, number] => [table, id]));
    return all[this.#pick(all.length)]!;
  }

  /** Some account gets the amount. */
  #gain(amount: number): void {
    this.#add(...this.#anyone(), amount);
  }

  #pick(below: number): number {
    return Math.floor(this.#random() * below);
  }

  #add(table: number, id: number, amount: number): void {
    this.#set(table, id, this.#balances[table]!.get(id)! + amount);
  }

  #set(table: number, id: number, balance: number): void {
    const op = this.#balances[table]!.has(id) ? 'u' : 'c';
    this.#balances[table]!.set(id, balance);
    this.#write(table, op, [id, balance]);
  }

  #delete(table: number, id: number): number {
    const balance = this.#balances[table]!.get(id)!;
    this.#balances[table]!.delete(id);
    this.#write(table, 'd', [id]);
    return balance;
  }

  #write(table: number, op: RowOp, sent: readonly number[]): void {
    const { writer, isWide } = this.#tables[table]!;
    this.#changes[table]!++;
    const values = isWide && op !== 'd' ? [...sent, sent[1]! % 7] : sent;
    writer.begin(op);
    writer.side(op === 'd' ? 'before' : 'after');
    for (let i = 0; i < (isWide ? 3 : 2); i++) {
      const text = Buffer.from(String(values[i]));
      if (values[i] === undefined) writer.unchanged(i);
      else writer.text(i, text, 0, text.length);
    }
    writer.end();
  }

  #described(table: string, isWide: boolean): { schema: TableSchema; writer: RowWriter } {
    const columns = [
      { ...INT, name: 'id', nullable: false, keyOrdinal: 1 },
      { ...INT, name: 'balance', nullable: false },
      ...(isWide ? [{ ...INT, name: ADDED }] : []),
    ];
    const schema = this.#encoder.register({ source: BANK, schema: 'public', table, columns });
    return { schema, writer: this.#encoder.writer(schema) };
  }
}
