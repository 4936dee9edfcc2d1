import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../demo/servers/postgres.ts';
import type { Position } from '../../src/contracts/source.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { RecordingOutput } from '../../test/support/recording-output.ts';
import { sourceConfig } from './config.ts';
import type { SourceOptions } from './names.ts';
import { PostgresReader } from './reader.ts';

let server: PostgresServer;
let databases = 0;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server?.stop());

interface Scene {
  readonly url: string;
  readonly client: pg.Client;
  readonly options: SourceOptions;
}

async function scene(tables: readonly string[], ddl: string, extra: Partial<SourceOptions> = {}): Promise<Scene> {
  const name = `s${++databases}`;
  const url = await server.createDatabase(name);
  const client = new pg.Client(url);
  client.on('error', () => {});
  await client.connect();
  onTestFinished(() => client.end());
  await client.query(ddl);
  const context = { log: () => {}, clock: systemClock, failpoint: () => {}, random: Math.random };
  const config = sourceConfig.parse({ url });
  return { url, client, options: { config, name, instance: 'test', tables, snapshot: 'initial', context, ...extra } };
}

interface Running {
  readonly output: RecordingOutput;
  readonly failed: Promise<unknown>;
  stop(): Promise<void>;
}

/** A reader at work, which acknowledges what it is given. */
function start(options: SourceOptions, from: Position | null = null): Running {
  const reader = new PostgresReader(options);
  const output = new RecordingOutput();
  output.onEnd = (position) => reader.acknowledge(position);
  const abort = new AbortController();
  const running = reader.run(from, output, abort.signal);
  const failed = running.then(
    () => null,
    (error: unknown) => error,
  );
  const stop = async () => {
    abort.abort();
    await failed;
    await reader.close();
  };
  onTestFinished(stop);
  return { output, failed, stop };
}

const texts = (output: RecordingOutput) =>
  output.rows().map(({ op, before, after }) => `${op} ${JSON.stringify(before)} ${JSON.stringify(after)}`);

describe('snapshot and stream', () => {
  test('rows that were there, then changes, each once and in order', async () => {
    const { client, options } = await scene(
      ['public.t'],
      `create table t (id int primary key, v text);
      insert into t values (1, 'one'), (2, E'tab\\there\\nline \\\\ back'), (3, null)`,
    );
    const { output } = start(options);
    await output.until(() => output.transactions.length >= 1);
    expect(output.transactions[0]).toMatchObject({
      kind: 'snapshot',
      markers: ['snapshot-begin public.t', 'snapshot-end public.t'],
    });
    expect(texts(output)).toEqual([
      'r null {"id":"1","v":"one"}',
      'r null {"id":"2","v":"tab\\there\\nline \\\\ back"}',
      'r null {"id":"3","v":null}',
    ]);
    await client.query(`begin; insert into t values (4, 'four'); update t set v = 'uno' where id = 1; commit`);
    await client.query('update t set id = 33 where id = 3; delete from t where id = 2; truncate t');
    await output.until(() => output.transactions.length >= 3);
    expect(texts(output).slice(3)).toEqual([
      'c null {"id":"4","v":"four"}',
      'u null {"id":"1","v":"uno"}',
      'd {"id":"3"} null',
      'c null {"id":"33","v":null}',
      'd {"id":"2"} null',
    ]);
    expect(output.transactions[2]?.markers).toEqual(['truncate public.t']);
  });

  test('a stop and a start go on from the position without gap or repeat', async () => {
    const { client, options } = await scene(['public.t'], 'create table t (id int primary key)');
    const first = start(options);
    await first.output.until(() => first.output.transactions.length === 1);
    for (let id = 1; id <= 5; id++) await client.query('insert into t values ($1)', [id]);
    await first.output.until(() => first.output.transactions.length === 6);
    await first.stop();
    const position = first.output.transactions[3]!.resume;
    await client.query('insert into t values (6)');
    const second = start(options, position);
    const third = await second.failed
      .then(
        (error) => error,
        () => null,
      )
      .catch(() => null);
    expect(String(third)).toContain('was moved to');
  });
});
