/** The bank: transfers between accounts, all in transactions of two rows, so that the sum of all balances never changes. */
import pg from 'pg';
import type { Random } from '../../../demo/shop/random.ts';
import { systemClock } from '../../../src/lib/clock.ts';

export const ACCOUNTS = 20;
const BALANCE = 1_000;
export const SUM = ACCOUNTS * BALANCE;
/** Of a writer between two transactions. */
const REST_MS = 3;

/** `seq` rises with each change of the account. */
export const SCHEMA = `
  create table accounts (id int primary key, balance int not null, seq int not null);
  create table entries (id int primary key, amount int not null);
  create table marks (id int primary key, mark int not null);
  insert into accounts select i, ${BALANCE}, 0 from generate_series(1, ${ACCOUNTS}) i;
  insert into marks values (1, 0)`;

export const TABLES = ['public.accounts', 'public.entries', 'public.marks'];

export interface Account {
  readonly id: number;
  readonly balance: number;
  readonly seq: number;
}

/** Transfers until it is stopped; a source that is down is tried again. */
export class Bank {
  readonly #url: string;
  readonly #random: Random;
  #stopped = false;
  #working: Promise<void> = Promise.resolve();
  transfers = 0;

  constructor(url: string, random: Random) {
    this.#url = url;
    this.#random = random;
  }

  start(): void {
    this.#stopped = false;
    this.#working = this.#work();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#working;
  }

  /** Resolves when the mark is committed. */
  async mark(mark: number): Promise<void> {
    await this.#connected((client) => client.query('update marks set mark = $1', [mark]));
  }

  /** What the targets are to hold. */
  async rows(): Promise<{ accounts: readonly Account[]; entries: readonly string[] }> {
    return this.#connected(async (client) => {
      const accounts = await client.query<Account>('select id, balance, seq from accounts order by id');
      const entries = await client.query<{ row: string }>(`select id || ' ' || amount as row from entries order by id`);
      return { accounts: accounts.rows, entries: entries.rows.map(({ row }) => row) };
    });
  }

  async #work(): Promise<void> {
    while (!this.#stopped) {
      await this.#connected(async (client) => {
        for (; !this.#stopped; await systemClock.sleep(REST_MS)) {
          await client.query(this.#transfer());
          this.transfers++;
        }
      });
    }
  }

  #transfer(): string {
    const pick = (below: number) => Math.floor(this.#random.unit() * below);
    const from = 1 + pick(ACCOUNTS);
    const to = 1 + ((from + pick(ACCOUNTS - 1)) % ACCOUNTS);
    const amount = 1 + pick(50);
    const entry = 1 + pick(300);
    return `begin;
      update accounts set balance = balance - ${amount}, seq = seq + 1 where id = ${from};
      update accounts set balance = balance + ${amount}, seq = seq + 1 where id = ${to};
      ${pick(4) === 0 ? `delete from entries where id = ${entry}` : `insert into entries values (${entry}, ${amount}) on conflict (id) do update set amount = excluded.amount`};
      commit`;
  }

  /** Again after a broken connection: whether the statement was done is not known, and does not matter. */
  async #connected<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    for (;;) {
      const client = new pg.Client({ connectionString: this.#url, connectionTimeoutMillis: 5_000 });
      client.on('error', () => {});
      try {
        await client.connect();
        return await work(client);
      } catch (error) {
        const { code = '' } = error as { code?: string };
        if (/^(22|23|42)/.test(code)) throw error;
        await systemClock.sleep(20);
      } finally {
        await client.end().catch(() => {});
      }
    }
  }
}
