/** Rows of the bench about the `postgres` sink: each against the fastest that a hand-made client gets out of the same server. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { type PostgresServer, startPostgres } from '../../demo/servers/postgres.ts';
import { type Change, inserts, mixed, textOf, writeBacklog } from './backlog.ts';
import { type ReportRow, ROUNDS, reportRow, rounds, timed } from './rounds.ts';
import { runSink } from './run-sink.ts';

const INSERTS = 500_000;
const MIXED = 300_000;
const KEYS = 200_000;
const STATEMENT_ROWS = 1_000;

interface Bench {
  readonly server: PostgresServer;
  readonly client: pg.Client;
  readonly dir: string;
}

async function withServer<T>(work: (bench: Bench) => Promise<T>): Promise<T> {
  const server = await startPostgres({ settings: { shared_buffers: '512MB', max_wal_size: '8GB' } });
  const client = new pg.Client({ connectionString: server.url });
  const dir = await mkdtemp(join(tmpdir(), 'tailrace-bench-'));
  try {
    await client.connect();
    return await work({ server, client, dir });
  } finally {
    await client.end();
    await server.stop();
    await rm(dir, { recursive: true });
  }
}

/** As the sink makes it. */
async function createTable({ client }: Bench, schema: string): Promise<string> {
  const name = `${schema}.items`;
  await client.query(
    `CREATE SCHEMA ${schema}; CREATE TABLE ${name} (id bigint PRIMARY KEY, a integer, b text, _tr_version bigint NOT NULL)`,
  );
  return name;
}

/** Text that is ready before the clock starts: the client costs nothing. */
async function copy({ client }: Bench, table: string, changes: readonly Change[]): Promise<number> {
  const parts: Buffer[] = [];
  for (let i = 0; i < changes.length; i += STATEMENT_ROWS) {
    const lines = changes.slice(i, i + STATEMENT_ROWS).map((c, n) => `${c.id}\t${c.a}\t${textOf(c)}\t${i + n + 1}\n`);
    parts.push(Buffer.from(lines.join('')));
  }
  return timed(async () => {
    const stream = client.query(copyFrom(`COPY ${table} FROM STDIN`));
    for (const part of parts) if (!stream.write(part)) await once(stream, 'drain');
    stream.end();
    await once(stream, 'finish');
  });
}

interface Statement {
  readonly upserts: readonly [ids: string, numbers: string, texts: string, versions: string];
  readonly deletes: string | null;
}

/** The last change per key of 1,000, as parameters that are ready before the clock starts. */
function statements(changes: readonly Change[]): Statement[] {
  const list: Statement[] = [];
  for (let i = 0; i < changes.length; i += STATEMENT_ROWS) {
    const last = new Map(changes.slice(i, i + STATEMENT_ROWS).map((change, n) => [change.id, { ...change, v: i + n }]));
    const rows = [...last.values()];
    const kept = rows.filter(({ op }) => op !== 'd');
    const gone = rows.filter(({ op }) => op === 'd');
    const array = (items: readonly (string | number)[]) => `{${items.join()}}`;
    list.push({
      upserts: [
        array(kept.map(({ id }) => id)),
        array(kept.map(({ a }) => a)),
        array(kept.map(textOf)),
        array(kept.map(({ v }) => v)),
      ],
      deletes: gone.length > 0 ? array(gone.map(({ id }) => id)) : null,
    });
  }
  return list;
}

const UPSERT = (table: string) => `INSERT INTO ${table} AS t
  SELECT * FROM unnest($1::bigint[], $2::int[], $3::text[], $4::bigint[]) ON CONFLICT (id) DO UPDATE
  SET a = excluded.a, b = excluded.b, _tr_version = excluded._tr_version`;

async function upsert({ client }: Bench, table: string, list: readonly Statement[]): Promise<number> {
  return timed(async () => {
    for (const { upserts, deletes } of list) {
      await client.query('BEGIN');
      await client.query({ name: `upsert ${table}`, text: UPSERT(table), values: [...upserts] });
      const remove = `DELETE FROM ${table} WHERE id = ANY ($1::bigint[])`;
      if (deletes !== null) await client.query({ name: `delete ${table}`, text: remove, values: [deletes] });
      await client.query('COMMIT');
    }
  });
}

const sinkRun = ({ server, dir }: Bench, schema: string) => ({
  dataDir: join(dir, 'data'),
  type: 'postgres',
  config: { url: server.url, schema },
  name: schema,
});

async function expectRows({ client }: Bench, table: string, rows: number): Promise<void> {
  const { rows: found } = await client.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`);
  if (found[0]!.n !== rows) throw new Error(`${table} has ${found[0]!.n} rows, not ${rows}`);
}

export function postgresInserts(): Promise<ReportRow> {
  return withServer(async (bench) => {
    const changes = inserts(INSERTS);
    await writeBacklog(join(bench.dir, 'data'), changes);
    const all = await rounds(
      async (round) => copy(bench, await createTable(bench, `limit${round}`), changes),
      async (round) => {
        const result = await runSink(sinkRun(bench, `ours${round}`));
        await expectRows(bench, `ours${round}.items`, INSERTS);
        return result;
      },
    );
    return reportRow('PostgreSQL, inserts × COPY into the same table', INSERTS, all, '0.35', '0.6');
  });
}

/** The rows of before are in both tables when the clock starts. */
export function postgresMixed(): Promise<ReportRow> {
  return withServer(async (bench) => {
    const { before, changes } = mixed(MIXED, KEYS);
    const list = statements(changes);
    const last = new Map([...before, ...changes].map(({ id, op }) => [id, op]));
    const left = [...last.values()].filter((op) => op !== 'd').length;
    await writeBacklog(join(bench.dir, 'data'), before);
    for (let round = 0; round <= ROUNDS; round++) await runSink(sinkRun(bench, `ours${round}`));
    await writeBacklog(join(bench.dir, 'data'), changes);
    const all = await rounds(
      async (round) => {
        const table = await createTable(bench, `limit${round}`);
        await copy(bench, table, before);
        const seconds = await upsert(bench, table, list);
        await expectRows(bench, table, left);
        return seconds;
      },
      async (round) => {
        const result = await runSink(sinkRun(bench, `ours${round}`));
        await expectRows(bench, `ours${round}.items`, left);
        return result;
      },
    );
    return reportRow('PostgreSQL, mixed changes × INSERT … ON CONFLICT of 1,000 rows', MIXED, all, '0.4', '0.7');
  });
}
