/** Where the bank's rows are delivered to, and what others see there. */
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import type { Account } from './bank.ts';

export interface Seen {
  readonly accounts: readonly Account[];
  readonly entries: readonly string[];
  readonly mark: number;
}

export interface Target {
  readonly name: string;
  readonly type: string;
  readonly config: object;
  /** As one reader sees all of it at one moment; null while it cannot be read. */
  look(): Promise<Seen | null>;
  /** Changes that stand there more than once; of a target that keeps every change. */
  doubled?(): number;
  /** It shows states that the source had, and no others. */
  readonly isTransactional?: true;
}

const ENTRIES = `select id || ' ' || amount as row from entries order by id`;

export class PostgresTarget implements Target {
  readonly name: string;
  readonly type = 'postgres';
  readonly config: object;
  readonly isTransactional?: true;
  readonly #url: string;
  #client: pg.Client | null = null;

  /** @param through what Tailrace connects to; @param url what the onlooker does */
  constructor(name: string, through: string, url: string, isTransactional: boolean) {
    this.name = name;
    if (isTransactional) this.isTransactional = true;
    this.config = { url: through };
    this.#url = url;
  }

  async look(): Promise<Seen | null> {
    try {
      const client = (this.#client ??= await connected(this.#url));
      await client.query('begin isolation level repeatable read read only');
      const accounts = await client.query<Account>('select id, balance, seq from accounts order by id');
      const entries = await client.query<{ row: string }>(ENTRIES);
      const marks = await client.query<{ mark: number }>('select mark from marks');
      await client.query('commit');
      return {
        accounts: accounts.rows,
        entries: entries.rows.map(({ row }) => row),
        mark: marks.rows[0]?.mark ?? 0,
      };
    } catch {
      await this.close();
      return null;
    }
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => {});
  }
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  await client.connect();
  return client;
}

export class SqliteTarget implements Target {
  readonly name = 'copy';
  readonly type = 'sqlite';
  readonly config: object;
  readonly #path: string;

  constructor(path: string) {
    this.config = { path };
    this.#path = path;
  }

  async look(): Promise<Seen | null> {
    if (!existsSync(this.#path)) return null;
    const database = new DatabaseSync(this.#path, { readOnly: true, timeout: 1_000 });
    try {
      database.exec('begin');
      const accounts = database.prepare('select id, balance, seq from accounts order by id').all();
      const entries = database.prepare(ENTRIES).all() as { row: string }[];
      const mark = database.prepare('select mark from marks').get() as { mark: number } | undefined;
      return {
        accounts: accounts as unknown as Account[],
        entries: entries.map(({ row }) => row),
        mark: mark?.mark ?? 0,
      };
    } catch {
      return null;
    } finally {
      database.close();
    }
  }
}

interface Line {
  readonly op: string;
  readonly table: string;
  readonly key: { readonly id: number } | undefined;
  readonly after: Readonly<Record<string, number>> | null;
  readonly version: string;
  readonly sweep_below?: string;
  readonly topic: string;
  readonly offset: number;
}

/**
 * Every change is a line; the last line of a row is the row. Readers go as far as the file beside it says: what lies behind may
 * be written anew after a crash.
 */
export class FileTarget implements Target {
  readonly name = 'lines';
  readonly type = 'file';
  readonly config: object;
  readonly #path: string;

  constructor(path: string) {
    this.config = { path };
    this.#path = path;
  }

  async look(): Promise<Seen | null> {
    const rows = new Map<string, { line: Line; after: Readonly<Record<string, number>> }>();
    for (const line of this.#lines()) {
      const name = `${line.table} ${line.key?.id}`;
      if (line.op === 'snapshot-end') {
        const below = BigInt(line.sweep_below ?? 0);
        for (const [key, row] of rows) {
          if (row.line.table === line.table && BigInt(row.line.version) < below) rows.delete(key);
        }
      } else if (line.op === 'd') rows.delete(name);
      else if (line.after != null) rows.set(name, { line, after: line.after });
    }
    const of = (table: string) =>
      [...rows.values()].flatMap(({ line, after }) => (line.table === table ? [after] : []));
    const byId = (a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>) => a.id! - b.id!;
    const entries = of('public.entries').sort(byId);
    return {
      accounts: of('public.accounts').sort(byId) as unknown as Account[],
      entries: entries.map(({ id, amount }) => `${id} ${amount}`),
      mark: of('public.marks')[0]?.mark ?? 0,
    };
  }

  doubled(): number {
    const places = this.#lines().map(({ topic, offset }) => `${topic} ${offset}`);
    return places.length - new Set(places).size;
  }

  #lines(): readonly Line[] {
    const state = `${this.#path}.tailrace`;
    if (!existsSync(state)) return [];
    const { files } = JSON.parse(readFileSync(state, 'utf8')) as { files: Readonly<Record<string, number>> };
    const length = files[basename(this.#path)] ?? 0;
    return readFileSync(this.#path)
      .toString('utf8', 0, length)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
  }
}
