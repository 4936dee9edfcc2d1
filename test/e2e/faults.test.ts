/** Faults from outside, on real servers, with Tailrace as its own process: it goes on or stops as promised, and nothing is lost. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../demo/servers/postgres.ts';
import { Project, until, untilStatus } from '../support/project.ts';

let source: PostgresServer;
let target: PostgresServer;
let databases = 0;

beforeAll(async () => {
  [source, target] = await Promise.all([startPostgres(), startPostgres()]);
});
afterAll(async () => {
  await Promise.all([source?.stop(), target?.stop()]);
});

/** One connection per statement: the servers come and go. */
async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

interface Scene {
  readonly project: Project;
  readonly sourceUrl: string;
  readonly targetUrl: string;
  readonly slot: string;
}

async function scene(extra = ''): Promise<Scene> {
  const name = `db${++databases}`;
  const sourceUrl = await source.createDatabase(name);
  const targetUrl = await target.createDatabase(name);
  await query(sourceUrl, 'create table items (id int primary key, v text)');
  await query(sourceUrl, `insert into items select i, 'v' || i from generate_series(1, 50) i`);
  const yaml = `name: ${name}
source:
  type: postgres
  url: \${SOURCE_URL}
  tables: [public.items]
${extra}sink:
  type: postgres
  url: \${TARGET_URL}
`;
  const project = await Project.make(yaml, { SOURCE_URL: sourceUrl, TARGET_URL: targetUrl });
  onTestFinished(async () => {
    await source.restart();
    await query(
      source.url,
      `select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = '${name}' and not active`,
    );
  });
  return { project, sourceUrl, targetUrl, slot: `tailrace_main_${name}` };
}

const rowsOf = async (url: string) =>
  JSON.stringify(await query(url, 'select id, v from items order by id').catch(() => null));

async function equal({ sourceUrl, targetUrl }: Scene): Promise<boolean> {
  return (await rowsOf(sourceUrl)) === (await rowsOf(targetUrl));
}

describe('the source', () => {
  test('restarted, and killed with SIGKILL: goes on', async () => {
    const place = await scene();
    const running = place.project.start();
    await until('the snapshot', () => equal(place), running);
    await source.restart();
    await query(place.sourceUrl, `insert into items values (100, 'after the restart')`);
    await until('the row after the restart', () => equal(place), running);
    await source.kill();
    await source.restart();
    await query(place.sourceUrl, `update items set v = 'after the crash' where id = 100`);
    await until('the row after the crash', () => equal(place), running);
    expect((await running.stop()).code).toBe(0);
  });

  test('its slot dropped: a gap that is loud, survives a restart and acknowledges nothing', async () => {
    const place = await scene();
    const first = place.project.start();
    await until('the snapshot', () => equal(place), first);
    await first.stop();
    await query(place.sourceUrl, `select pg_drop_replication_slot('${place.slot}')`);
    await query(place.sourceUrl, `insert into items values (200, 'unseen')`);
    for (const attempt of ['first', 'second']) {
      const running = place.project.start();
      await untilStatus(`gap at the ${attempt} start`, running, ({ state }) => state === 'gap');
      const problem = (await running.status())?.pipelines[0]?.sources[0]?.problem;
      expect(problem?.code).toBe('source.gap');
      expect(problem?.remedy).toContain('resnapshot');
      const health = await fetch(`http://127.0.0.1:${place.project.httpPort}/health`);
      expect(health.status).toBe(503);
      await running.stop();
    }
    const slots = await query(place.sourceUrl, `select 1 from pg_replication_slots where slot_name = '${place.slot}'`);
    expect(slots).toEqual([]);
    const offline = await place.project.run(['status', '--json']);
    expect(offline.stdout).toContain('source.gap');
  });

  test('its slot dropped with on_gap: resnapshot: starts over, and rows deleted unseen are swept', async () => {
    const place = await scene('  on_gap: resnapshot\n');
    const first = place.project.start();
    await until('the snapshot', () => equal(place), first);
    await first.stop();
    await query(place.sourceUrl, `select pg_drop_replication_slot('${place.slot}')`);
    await query(place.sourceUrl, `delete from items where id <= 10; insert into items values (300, 'unseen')`);
    const second = place.project.start();
    await until('equality', () => equal(place), second);
    await query(place.sourceUrl, `update items set v = 'streamed' where id = 300`);
    await until('the stream', () => equal(place), second);
    expect((await second.stop()).code).toBe(0);
  });
});

describe('the target', () => {
  test('down for a while: the source goes on into the log, the sink catches up by itself', async () => {
    const place = await scene();
    const running = place.project.start();
    await until('the snapshot', () => equal(place), running);
    await target.kill();
    await query(place.sourceUrl, `insert into items select i, 'while down' from generate_series(1001, 1500) i`);
    await untilStatus('the sink retries', running, (from, [sink]) => sink?.state === 'retrying' && from.rows >= 550);
    expect((await running.status())?.pipelines[0]?.sources[0]?.state).toBe('streaming');
    // The log drains the slot: what the server keeps for it does not grow with what waits for the sink.
    const load = `insert into items select i, repeat('while down', 400) from generate_series(2001, 6000) i`;
    await query(place.sourceUrl, `${load}; update items set v = v || '!' where id > 2000`);
    const [end] = await query(place.sourceUrl, 'select pg_current_wal_flush_lsn()::text as lsn');
    const drained = `select confirmed_flush_lsn >= '${end!.lsn}'::pg_lsn as yes from pg_replication_slots where slot_name = '${place.slot}'`;
    await until('the slot is drained', async () => (await query(place.sourceUrl, drained))[0]?.yes === true, running);
    expect((await running.status())?.pipelines[0]?.sinks[0]?.state).toBe('retrying');
    const metrics = await (await fetch(`http://127.0.0.1:${place.project.httpPort}/metrics`)).text();
    expect(metrics).toMatch(/^tailrace_source_retained_bytes\{.*\} \d+$/m);
    await target.restart();
    await until('caught up', () => equal(place), running);
    await untilStatus('healthy again', running, (_, [sink]) => sink?.state === 'running' && sink.lagRecords === 0);
    expect((await running.stop()).code).toBe(0);
  });

  test('refuses one row: a dead letter, the others arrive', async () => {
    const place = await scene();
    const running = place.project.start();
    await until('the snapshot', () => equal(place), running);
    await query(place.targetUrl, `alter table items add constraint refuses check (v <> 'unlikely value')`);
    await query(place.sourceUrl, `insert into items values (400, 'good'), (401, 'unlikely value'), (402, 'good')`);
    await untilStatus('one dead letter', running, (_, [sink]) => sink?.deadLetters === 1 && sink.lagRecords === 0);
    const [count] = await query(place.targetUrl, 'select count(*)::int as n from items where id >= 400');
    expect(count).toEqual({ n: 2 });
    expect(running.lastLines.join('\n')).not.toContain('unlikely value');
    await query(place.sourceUrl, `update items set v = 'mended' where id = 401`);
    await until('the mended row supersedes it', () => equal(place), running);
    expect((await running.stop()).code).toBe(0);
  });
});

describe('this process', () => {
  test('killed at random moments under load: nothing lost, nothing twice', async () => {
    const place = await scene();
    for (let round = 0; round < 4; round++) {
      const running = place.project.start();
      await untilStatus('running', running, (_, [sink]) => sink?.state === 'running');
      const writing = (async () => {
        for (let i = 0; i < 20; i++) {
          await query(
            place.sourceUrl,
            `insert into items values (${1000 * (round + 1) + i}, 'x'); update items set v = v || '.' where id % 7 = ${i % 7}`,
          );
        }
      })();
      await untilStatus('a few transactions', running, (source) => source.transactions > round);
      running.kill();
      await running.exited;
      await writing;
    }
    const last = place.project.start();
    await until('equality', () => equal(place), last);
    expect((await last.stop()).code).toBe(0);
  });

  test('a second one on the same data directory is refused', async () => {
    const place = await scene();
    const running = place.project.start();
    await until('the snapshot', () => equal(place), running);
    const second = await place.project.run(['run', 'pipeline.yaml']);
    expect(second.code).toBe(3);
    expect(second.stderr).toContain('log.locked');
    await running.stop();
  });
});
