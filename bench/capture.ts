/**
 * Capture of a PostgreSQL backlog into the fsync'ed log, against `pg_recvlogical` writing the same changes to /dev/null, and the
 * snapshot of a table, against `COPY` to /dev/null. Debezium's connector is a third side where there is a Java to run it. Every
 * reader gets its own copy of the slot, so all read the same WAL; the sides take turns.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { startPostgres } from '../demo/servers/postgres.ts';
import { TailraceError } from '../src/contracts/errors.ts';
import { type CaptureResult, startCapture } from './capture-process.ts';
import type { DebeziumResult } from './debezium/debezium.ts';
import { PostgresDebezium } from './debezium/postgres.ts';
import { type DiskLimits, measureDisk } from './disk.ts';
import { currentCommit, median, publish, spread } from './report.ts';
import { prepare, type Workload } from './workloads.ts';

/** After one to warm up. */
const ROUNDS = Number(process.env.TAILRACE_BENCH_ROUNDS ?? 3);
const SNAPSHOT = 'snapshot';
/** How many times as fast as the peer, and as Debezium. */
const BARS: Readonly<Record<string, readonly [peer: string, debezium: string]>> = {
  nd: ['1.8', '4'],
  ns: ['1.0', '3.5'],
  wd: ['1.4', '9'],
  [SNAPSHOT]: ['none', '6'],
};

export const rows = Object.keys(BARS);

const run_ = promisify(execFile);

export interface CaptureTask {
  readonly url: string;
  readonly slot: string;
  readonly publication: string;
  readonly table: string;
  readonly dataDir: string;
  /** Commit LSN of the last transaction of the backlog; null: the table is read. */
  readonly endLsn: string | null;
  /** Of the table, or of the backlog. */
  readonly rows: number;
}

function findProgram(name: string): string {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const places = [...versions.map((v) => join(debian, v, 'bin')), ...(process.env.PATH ?? '').split(':')];
  const found = places.map((dir) => join(dir, name)).find(existsSync);
  if (found === undefined) throw new Error(`${name} not found: install the PostgreSQL client programs`);
  return found;
}

async function timed(program: string, words: readonly string[]): Promise<number> {
  const start = performance.now();
  await run_('/bin/sh', ['-c', '"$0" "$@" > /dev/null', program, ...words]);
  return (performance.now() - start) / 1_000;
}

/** Seconds. */
function peer(task: CaptureTask): Promise<number> {
  if (task.endLsn === null) return timed(findProgram('psql'), [task.url, '-c', `copy ${task.table} to stdout`]);
  return timed(findProgram('pg_recvlogical'), [
    '-d',
    task.url,
    '-S',
    task.slot,
    '--start',
    '--no-loop',
    '-f',
    '/dev/null',
    `--endpos=${task.endLsn}`,
    '-o',
    'proto_version=1',
    '-o',
    `publication_names=${task.publication}`,
  ]);
}

interface Rounds {
  readonly peer: number[];
  readonly ours: CaptureResult[];
  /** Empty without Java. */
  readonly debezium: DebeziumResult[];
}

interface Scene {
  readonly url: string;
  readonly client: pg.Client;
  readonly debezium: PostgresDebezium | null;
}

/** @param base slot before the backlog; null: the table is read */
async function measure(
  scene: Scene,
  wanted: Omit<CaptureTask, 'slot' | 'dataDir'>,
  base: string | null,
): Promise<Rounds> {
  const { client, debezium } = scene;
  const rounds: Rounds = { peer: [], ours: [], debezium: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    const slots = ['peer', 'ours', 'debezium'].map((side) => `${side}_${round}`);
    if (base !== null) {
      for (const slot of slots) await client.query('select pg_copy_logical_replication_slot($1, $2)', [base, slot]);
    }
    const dataDir = await mkdtemp(join(tmpdir(), 'tailrace-bench-'));
    const task = (slot: number) => ({ ...wanted, slot: slots[slot]!, dataDir });
    const peerSeconds = await peer(task(0));
    const ours = await startCapture('bench/capture-child.ts', task(1));
    const other = base === null ? await debezium?.snapshot(task(2)) : await debezium?.stream(task(2));
    await rm(dataDir, { recursive: true });
    // Markers of a snapshot count as well.
    if (ours.rows < wanted.rows) throw new Error(`captured ${ours.rows} of ${wanted.rows} rows of ${wanted.table}`);
    if (round > 0) {
      rounds.peer.push(peerSeconds);
      rounds.ours.push(ours);
      if (other !== undefined) rounds.debezium.push(other);
    }
    await dropSlots(client, slots);
  }
  return rounds;
}

/** A reader that has just ended may still hold its own. */
async function dropSlots(client: pg.Client, slots: readonly string[]): Promise<void> {
  const left = () =>
    client.query('select slot_name, active from pg_replication_slots where slot_name = any($1)', [slots]);
  for (let { rows: found } = await left(); found.length > 0; { rows: found } = await left()) {
    for (const { slot_name, active } of found) {
      if (!active) await client.query('select pg_drop_replication_slot($1)', [slot_name]);
    }
  }
}

function row(name: string, count: number, { peer, ours, debezium }: Rounds): string[] {
  const rate = (seconds: readonly number[]) => `${Math.round(count / median(seconds) / 1000)} k`;
  const times = (others: readonly number[]) => spread(ours.map(({ seconds }, i) => others[i]! / seconds));
  const java = debezium.map(({ seconds }) => seconds);
  const [bar, debeziumBar] = BARS[name]!;
  return [
    name,
    rate(peer),
    rate(ours.map(({ seconds }) => seconds)),
    times(peer),
    bar,
    java.length === 0 ? 'no Java' : rate(java),
    java.length === 0 ? '' : times(java),
    debeziumBar,
    `${((1e6 * median(ours.map(({ cpuSeconds }) => cpuSeconds))) / count).toFixed(1)}`,
    `${Math.round(Math.max(...ours.map(({ peakRssMb }) => peakRssMb)))}`,
    java.length === 0 ? '' : `${Math.round(Math.max(...debezium.map(({ peakRssMb }) => peakRssMb)))}`,
    currentCommit(),
  ];
}

/** Loudly null where it cannot be run. */
async function debeziumIfAny(): Promise<PostgresDebezium | null> {
  try {
    return await PostgresDebezium.start();
  } catch (error) {
    if (!(error instanceof TailraceError) || error.code !== 'demo.missing') throw error;
    process.stderr.write(`\nDebezium is NOT measured: ${error.message} ${error.remedy}\n\n`);
    return null;
  }
}

async function measureRow(scene: Scene, name: string, workload: Workload): Promise<string[]> {
  const { client, url } = scene;
  const isSnapshot = name === SNAPSHOT;
  const publication = `bench_${workload.name}`;
  await client.query(
    `drop publication if exists ${publication}; create publication ${publication} for table ${workload.table}`,
  );
  const base = `base_${workload.name}`;
  if (!isSnapshot) await client.query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [base]);
  await client.query(`truncate ${workload.table}`);
  await workload.write(client);
  const { rows: lsn } = await client.query('select pg_current_wal_insert_lsn()::text as lsn');
  const wanted = {
    url,
    publication,
    table: workload.table,
    rows: workload.rows,
    endLsn: isSnapshot ? null : lsn[0].lsn,
  };
  const rounds = await measure(scene, wanted, isSnapshot ? null : base);
  if (!isSnapshot) await dropSlots(client, [base]);
  return row(name, workload.rows, rounds);
}

export async function run(names: readonly string[]): Promise<void> {
  const server = await startPostgres({
    settings: { logical_decoding_work_mem: '512MB', max_wal_size: '8GB', shared_buffers: '512MB' },
  });
  const client = new pg.Client(server.url);
  await client.connect();
  const disk: DiskLimits[] = [];
  const table: string[][] = [];
  let debezium: PostgresDebezium | null = null;
  try {
    debezium = await debeziumIfAny();
    const workloads = await prepare(client);
    for (const name of names) {
      disk.push(measureDisk(tmpdir()));
      const workload = workloads.find((one) => one.name === (name === SNAPSHOT ? 'nd' : name))!;
      table.push(await measureRow({ url: server.url, client, debezium }, name, workload));
    }
  } finally {
    await debezium?.stop();
    await client.end();
    await server.stop();
  }
  report(
    table,
    disk,
    [`PostgreSQL ${server.major}`, ...(debezium === null ? [] : [`Debezium ${debezium.version}`])].join(', '),
  );
}

function report(table: string[][], disk: readonly DiskLimits[], servers: string): void {
  publish({
    name: 'capture',
    title: 'Capture from PostgreSQL into the durable log',
    merge: true,
    header: [
      'backlog',
      'peer → /dev/null, rows/s',
      'Tailrace → fsync’ed log, rows/s',
      '× peer (min–max)',
      'bar',
      'Debezium → JSON, rows/s',
      '× Debezium (min–max)',
      'bar',
      'CPU µs a row',
      'peak RSS MB, bar 250',
      'Debezium’s',
      'commit',
    ],
    rows: table,
    notes: [
      'nd: 1,000 transactions × 1,000 narrow rows; ns: 100,000 single-row transactions; wd: 200 × 1,000 wide rows; snapshot: a table of 1,000,000 narrow rows.',
      'The peer of nd, ns and wd is `pg_recvlogical`, of snapshot `psql -c "COPY … TO STDOUT"`.',
      `${servers}, ${ROUNDS} rounds after a warm-up, taken in turn, each reader on its own copy of the slot.`,
      `Disk in the last run: fdatasync p50 ${spread(disk.map((d) => d.fdatasyncP50Ms))} ms, raw write ceiling ${spread(
        disk.map((d) => d.rawWriteMiBps),
        0,
      )} MiB/s.`,
      'Debezium: its engine with a 1 GiB heap, larger queues than its defaults and a poll every 10 ms; warm, its events thrown away. Its clock runs from the start of the engine to the batch with the last row.',
      'Tailrace is timed from opening the reader to the durable commit of the last row, modules loaded; the peer as a process.',
    ],
  });
}
