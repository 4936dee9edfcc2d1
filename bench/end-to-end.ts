/**
 * Commit at the source → row in the PostgreSQL sink: throughput of a backlog against a bare COPY between the same two
 * databases, latency at 200 transactions a second, memory and cold start. Tailrace runs as its own process.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline as pipe } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { freePort } from '../demo/servers/free-port.ts';
import { startPostgres } from '../demo/servers/postgres.ts';
import { builtLauncher } from './build.ts';
import { measureDisk } from './disk.ts';
import { median, publish, spread } from './report.ts';

const ROUNDS = 3;
const ROWS = 300_000;
const RATE = 200;
const LATENCY_SECONDS = 10;

interface Bench {
  readonly source: pg.Client;
  readonly target: pg.Client;
  readonly sourceUrl: string;
  readonly targetUrl: string;
}

interface Round {
  readonly copySeconds: number;
  readonly ourSeconds: number;
  readonly coldStartSeconds: number;
  readonly latenciesMs: readonly number[];
  readonly rssMb: number;
}

/** Polls in the database, a few ms apart: the wait is part of what is measured, not of what is asserted. */
async function until(client: pg.Client, sql: string, deadlineMs = 120_000): Promise<void> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const found = await client.query(sql).then(
      ({ rows }) => rows[0]?.ok === true,
      () => false,
    );
    if (found) return;
    if (performance.now() > end) throw new Error(`never true: ${sql}`);
    await client.query('select pg_sleep(0.005)');
  }
}

async function project(bench: Bench, dir: string): Promise<void> {
  const port = await freePort();
  await writeFile(join(dir, 'tailrace.yaml'), `data_dir: ./data\nhttp: { port: ${port} }\n`);
  await writeFile(
    join(dir, 'bench.yaml'),
    `source:\n  type: postgres\n  url: ${bench.sourceUrl}\n  tables: [public.bench]\nsink:\n  type: postgres\n  url: ${bench.targetUrl}\n`,
  );
}

async function copyRound({ source, target }: Bench): Promise<number> {
  await target.query('drop table if exists copied; create table copied (id bigint primary key, a int, b text)');
  const start = performance.now();
  await pipe(source.query(copyTo('copy bench to stdout')), target.query(copyFrom('copy copied from stdin')));
  return (performance.now() - start) / 1000;
}

async function latencies({ source, target }: Bench): Promise<number[]> {
  await source.query('create table if not exists sent (id bigint primary key, at timestamptz)');
  const times: Promise<number>[] = [];
  const gap = 1000 / RATE;
  const start = performance.now();
  await target.query('listen applied');
  const waiting = new Map<string, (at: number) => void>();
  target.on('notification', ({ payload }) => waiting.get(payload ?? '')?.(performance.now()));
  for (let i = 1; i <= RATE * LATENCY_SECONDS; i++) {
    const id = String(10_000_000 + i);
    const committed = source
      .query('insert into bench values ($1, 1, $2)', [id, 'latency'])
      .then(() => performance.now());
    const applied = new Promise<number>((resolve) => waiting.set(id, resolve));
    times.push(Promise.all([committed, applied]).then(([from, to]) => to - from));
    const wait = start + i * gap - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  }
  const all = await Promise.all(times);
  target.removeAllListeners('notification');
  await target.query('unlisten applied');
  return all.sort((a, b) => a - b);
}

async function ourRound(bench: Bench): Promise<Omit<Round, 'copySeconds'>> {
  const { source, target } = bench;
  const dir = await mkdtemp(join(tmpdir(), 'tailrace-bench-'));
  await project(bench, dir);
  await target.query('drop schema if exists public cascade; create schema public');
  const rows = source.query('select count(*)::int as n from bench');
  const total = (await rows).rows[0].n;
  const program = builtLauncher();
  const start = performance.now();
  const child = spawn(process.execPath, [program, 'run', dir], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  try {
    const failed = ended.then(([code]) => Promise.reject(new Error(`tailrace run ended with ${code}`)));
    await Promise.race([until(target, `select exists (select from bench) as ok`), failed]);
    const first = performance.now();
    await until(target, `select count(*) = ${total} as ok from bench`);
    const done = performance.now();
    await target.query(
      `create or replace function tell() returns trigger language plpgsql as $$ begin perform pg_notify('applied', new.id::text); return null; end $$;
       create trigger tell after insert on bench for each row when (new.id > 10000000) execute function tell()`,
    );
    const latenciesMs = await latencies(bench);
    const rssMb = await peakRss(child.pid!);
    await source.query('delete from bench where id > 10000000');
    return { ourSeconds: (done - first) / 1000, coldStartSeconds: (first - start) / 1000, latenciesMs, rssMb };
  } finally {
    child.kill('SIGTERM');
    await ended;
    await source.query(`select pg_drop_replication_slot(slot_name) from pg_replication_slots where not active`);
    await rm(dir, { recursive: true });
  }
}

async function peakRss(pid: number): Promise<number> {
  const { readFile } = await import('node:fs/promises');
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
}

export async function run(): Promise<void> {
  const server = await startPostgres({ settings: { shared_buffers: '512MB', max_wal_size: '8GB' } });
  const targetUrl = await server.createDatabase('target');
  const bench = {
    source: new pg.Client(server.url),
    target: new pg.Client(targetUrl),
    sourceUrl: server.url,
    targetUrl,
  };
  await bench.source.connect();
  await bench.target.connect();
  try {
    await bench.source.query(
      `create table bench (id bigint primary key, a int, b text);
       insert into bench select g, (g % 1000)::int, lpad(g::text, 20, 'x') from generate_series(1, ${ROWS}) g`,
    );
    const rounds: Round[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const copySeconds = await copyRound(bench);
      const ours = await ourRound(bench);
      if (round > 0) rounds.push({ copySeconds, ...ours });
    }
    report(rounds);
  } finally {
    await bench.source.end();
    await bench.target.end();
    await server.stop();
  }
}

function report(rounds: readonly Round[]): void {
  const disk = measureDisk(tmpdir());
  const at = (part: number) => rounds.map(({ latenciesMs }) => latenciesMs[Math.floor(latenciesMs.length * part)]!);
  publish({
    name: 'end-to-end',
    title: 'End to end: PostgreSQL → log → PostgreSQL',
    header: ['what', 'median (min–max)'],
    rows: [
      [`bare COPY of ${ROWS / 1000} k narrow rows between the databases, s`, spread(rounds.map((r) => r.copySeconds))],
      ['Tailrace, same rows, first to last row in the sink, s', spread(rounds.map((r) => r.ourSeconds))],
      ['speed relative to COPY', spread(rounds.map((r) => r.copySeconds / r.ourSeconds))],
      ['cold start: process start to first row in the sink, s', spread(rounds.map((r) => r.coldStartSeconds))],
      [`commit → row in the sink at ${RATE} transactions/s, p50 ms`, spread(at(0.5), 1)],
      [`the same, p99 ms`, spread(at(0.99), 1)],
      ['peak RSS MB', String(Math.round(median(rounds.map((r) => r.rssMb))))],
    ],
    notes: [
      'The snapshot of one table becomes visible as a whole, so its first row appears when the table has been read.',
      `Disk in the same run: fdatasync p50 ${disk.fdatasyncP50Ms.toFixed(2)} ms, raw write ceiling ${Math.round(disk.rawWriteMiBps)} MiB/s.`,
    ],
  });
}
