import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../demo/servers/postgres.ts';
import { sinkAcceptance, sourceAcceptance } from '../../src/testkit/index.ts';
import { postgresSinkDriver } from '../../test/acceptance/connectors/postgres.driver.ts';
import { postgresSourceDriver } from '../../test/acceptance/connectors/postgres-source.driver.ts';
import { acceptanceTests } from '../../test/acceptance/run-kit.ts';
import { apply, insert, remove, rows, run, session } from '../../test/support/last-value-target.ts';
import { schemaChangesSuite } from '../../test/support/schema-changes-suite.ts';
import { sqlConstraintsSuite } from '../../test/support/sql-constraints-suite.ts';
import { lostAnswersTest } from '../../test/support/sql-lost-answers.ts';
import { sqlModesSuite } from '../../test/support/sql-modes-suite.ts';
import { sqlSinkSuite } from '../../test/support/sql-sink-suite.ts';
import { byJson } from '../../test/support/table-model.ts';
import { transactionalSuite, type WatchedTarget } from '../../test/support/transactional-suite.ts';
import { sink, source } from './index.ts';
import { inspectSink } from './inspect-sink.ts';
import { openSink } from './sink.ts';
import { sinkConfig } from './sink-config.ts';

let server: PostgresServer;
let client: pg.Client;
let targets = 0;
beforeAll(async () => {
  server = await startPostgres();
  client = new pg.Client({ connectionString: server.url });
  await client.connect();
});
afterAll(async () => {
  await client?.end();
  await server?.stop();
});

/** A schema of its own in one database. */
async function newTarget(settings: object = {}): Promise<WatchedTarget> {
  const schema = `s${++targets}`;
  const quoted = (name: string) => `${schema}.${pg.escapeIdentifier(name)}`;
  const config = sinkConfig.parse({ url: server.url, schema, ...settings });
  await client.query(`CREATE SCHEMA ${schema}`);
  const target: WatchedTarget = {
    quoted,
    job: { type: 'postgres', config: { url: server.url, schema } },
    open: (options) => openSink({ ...options, config }),
    openAs: (more, options) =>
      openSink({ ...options, config: sinkConfig.parse({ url: server.url, schema, ...settings, ...more }) }),
    inspect: (options) => inspectSink({ ...options, config }),
    async exec(sql) {
      await client.query(sql);
    },
    async numbers(sql) {
      try {
        const { rows } = await client.query<{ n: string | null }>(sql);
        return rows.flatMap(({ n }) => (n === null ? [] : [Number(n)]));
      } catch (error) {
        const { code } = error as { code?: string };
        if (code === '42P01') return null;
        // It had read one of two tables that get a column.
        if (code === '40P01') return target.numbers(sql);
        throw error;
      }
    },
    async rows(name, columns) {
      const list = columns.map((column) => `${pg.escapeIdentifier(column)}::text`);
      const { rows } = await client.query({ text: `SELECT ${list.join(', ')} FROM ${quoted(name)}`, rowMode: 'array' });
      return (rows as (string | null)[][]).sort(byJson);
    },
  };
  return target;
}

describe('postgres sink', () => {
  describe('passes the acceptance kit', () => {
    const driver = postgresSinkDriver(() => server);
    acceptanceTests(sinkAcceptance(sink, driver), { cases: 6 });
  });
  describe('passes the acceptance kit as a source', () => {
    const driver = postgresSourceDriver(() => server);
    acceptanceTests(sourceAcceptance(source, driver), { cases: 2 });
  });
  sqlSinkSuite(newTarget);
  sqlModesSuite(newTarget);
  sqlConstraintsSuite(newTarget, { hasDeferredUnique: true, hasDeferredReferences: true });
  schemaChangesSuite(newTarget, { hasTypes: true });
  transactionalSuite(newTarget, 1);
  lostAnswersTest(sink, newTarget);

  test('invariant 7: a deleted row does not come back by COPY, nor does an older one replace a newer', async () => {
    const target = await newTarget();
    await run(target, [insert(1, '1', 'a', 'b'), insert(4, '2', 'new', 'b')], [remove(5, '1')]);
    const again = await session(target);
    await apply(again, [insert(3, '1', 'late', 'b'), insert(3, '3', 'a', 'b')], 3);
    await apply(again, [insert(3, '2', 'late', 'b'), insert(6, '4', 'a', 'b')], 5);
    await again.sink.close();
    expect(await rows(target)).toEqual([
      ['2', 'new', 'b'],
      ['3', 'a', 'b'],
      ['4', 'a', 'b'],
    ]);
  });
});
