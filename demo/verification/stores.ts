/** Reads the stores with their own clients and nothing of Tailrace. */
import { DatabaseSync } from 'node:sqlite';
import { Redis } from 'ioredis';
import pg from 'pg';
import { textOf } from './audit-file.ts';
import type { Rows } from './comparison.ts';
import { canonical, type Expectation, readRows } from './expected.ts';

export async function withPostgres<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

export function readPostgres(url: string, { select, from, keyColumns }: Expectation): Promise<Rows> {
  return withPostgres(url, (client) => readRows(client, select, from, keyColumns));
}

export function readSqlite(path: string, table: string, columns: readonly string[], keyColumns: number): Rows {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const list = columns.map((column) => `cast("${column}" as text) as "${column}"`).join(', ');
    const rows = database.prepare(`select ${list} from "${table}"`).all() as Record<string, string | null>[];
    return new Map(
      rows.map((row) => {
        const values = columns.map((column) => row[column] ?? null);
        return [values.slice(0, keyColumns).join('/'), canonical(columns, values)];
      }),
    );
  } finally {
    database.close();
  }
}

/** Hashes under `prefix` + key; a null column has no field. */
export async function readRedisHashes(url: string, prefix: string, columns: readonly string[]): Promise<Rows> {
  const redis = new Redis(url, { maxRetriesPerRequest: 1 });
  try {
    const rows = new Map<string, readonly (string | null)[]>();
    for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 500 }) as AsyncIterable<string[]>) {
      const replies = await redis.pipeline(keys.map((key) => ['hgetall', key])).exec();
      for (const [at, key] of keys.entries()) {
        const hash = (replies?.[at]?.[1] ?? {}) as Record<string, string>;
        const values = columns.map((column) => hash[column] ?? null);
        // A key that vanished meanwhile, or that only remembers a delete, holds no column.
        if (values.some((value) => value !== null)) rows.set(key.slice(prefix.length), canonical(columns, values));
      }
    }
    return rows;
  } finally {
    redis.disconnect();
  }
}

const PAGE = 500;

export async function readElasticsearch(
  url: string,
  index: string,
  columns: readonly string[],
  keyColumns: number,
): Promise<Rows> {
  await post(`${url}/${index}/_refresh`, {});
  const rows = new Map<string, readonly (string | null)[]>();
  let after: unknown[] | undefined;
  for (;;) {
    const page = await post(`${url}/${index}/_search`, {
      size: PAGE,
      query: { match_all: {} },
      sort: [{ id: 'asc' }],
      ...(after === undefined ? {} : { search_after: after }),
    });
    const hits = (page.hits as { hits: { _source: Record<string, unknown>; sort: unknown[] }[] }).hits;
    for (const { _source } of hits) {
      const values = columns.map((column) => textOf(_source[column]));
      rows.set(values.slice(0, keyColumns).join('/'), canonical(columns, values));
    }
    after = hits.at(-1)?.sort;
    if (hits.length < PAGE || after === undefined) return rows;
  }
}

async function post(url: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  // Decimals and large integers keep their digits.
  return JSON.parse(text, (_, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' && context?.source !== undefined && !Number.isSafeInteger(value) ? context.source : value,
  ) as Record<string, unknown>;
}
