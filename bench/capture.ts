/**
 * Capture of a PostgreSQL backlog into the fsync'ed log, against `pg_recvlogical` writing the same changes to /dev/null.
 * Every reader gets its own copy of the slot, so all read the same WAL; the two sides take turns.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { startPostgres } from '../demo/servers/postgres.ts';
import { type CaptureResult, startCapture } from './capture-process.ts';
import { type DiskLimits, measureDisk } from './disk.ts';
import { median, publish, spread } from './report.ts';
import { prepare, type Workload } from './workloads.ts';

const ROUNDS = 3;
const run_ = promisify(execFile);

export interface CaptureTask {
  readonly url: string;
  readonly slot: string;
  readonly publication: string;
  readonly table: string;
  readonly dataDir: string;
  /** Commit LSN of the last transaction of the backlog. */
  readonly endLsn: string;
}

function findRecvlogical(): string {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const places = [...versions.map((v) => join(debian, v, 'bin')), ...(process.env.PATH ?? '').split(':')];
  const found = places.map((dir) => join(dir, 'pg_recvlogical')).find(existsSync);
  if (found === undefined) throw new Error('pg_recvlogical not found: install the PostgreSQL client programs');
  return found;
}

async function recvlogical(program: string, task: CaptureTask): Promise<number> {
  const start = performance.now();
  await run_(program, [
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
  return (performance.now() - start) / 1000;
}

interface Rounds {
  readonly peer: number[];
  readonly ours: CaptureResult[];
}

async function measure(client: pg.Client, url: string, workload: Workload, endLsn: string): Promise<Rounds> {
  const program = findRecvlogical();
  const rounds: Rounds = { peer: [], ours: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    const slots = [`peer_${workload.name}_${round}`, `ours_${workload.name}_${round}`] as const;
    for (const slot of slots) {
      await client.query('select pg_copy_logical_replication_slot($1, $2)', [`base_${workload.name}`, slot]);
    }
    const task = { url, publication: `bench_${workload.name}`, table: workload.table, endLsn };
    const dataDir = await mkdtemp(join(tmpdir(), 'tailrace-bench-'));
    const peer = await recvlogical(program, { ...task, slot: slots[0], dataDir });
    const ours = await startCapture('bench/capture-child.ts', { ...task, slot: slots[1], dataDir });
    await rm(dataDir, { recursive: true });
    if (ours.rows !== workload.rows)
      throw new Error(`captured ${ours.rows} of ${workload.rows} rows of ${workload.name}`);
    if (round > 0) {
      rounds.peer.push(peer);
      rounds.ours.push(ours);
    }
    for (const slot of slots) await client.query('select pg_drop_replication_slot($1)', [slot]);
  }
  return rounds;
}

function row(workload: Workload, { peer, ours }: Rounds): string[] {
  const rate = (seconds: number) => `${Math.round(workload.rows / seconds / 1000)} k`;
  const ratios = ours.map(({ seconds }, i) => peer[i]! / seconds);
  return [
    workload.name,
    rate(median(peer)),
    rate(median(ours.map(({ seconds }) => seconds))),
    spread(ratios),
    { nd: '1.2', ns: 'none', wd: '1.0' }[workload.name],
    `${((1e6 * median(ours.map(({ cpuSeconds }) => cpuSeconds))) / workload.rows).toFixed(1)}`,
    `${Math.round(Math.max(...ours.map(({ peakRssMb }) => peakRssMb)))}`,
  ];
}

export async function run(): Promise<void> {
  const server = await startPostgres({
    settings: { logical_decoding_work_mem: '512MB', max_wal_size: '8GB', shared_buffers: '512MB' },
  });
  const client = new pg.Client(server.url);
  await client.connect();
  const disk: DiskLimits[] = [];
  try {
    const rows: string[][] = [];
    for (const workload of await prepare(client)) {
      await client.query(`create publication bench_${workload.name} for table ${workload.table}`);
      await client.query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [`base_${workload.name}`]);
      await workload.write(client);
      const { rows: lsn } = await client.query('select pg_current_wal_insert_lsn()::text as lsn');
      disk.push(measureDisk(tmpdir()));
      rows.push(row(workload, await measure(client, server.url, workload, lsn[0].lsn)));
      await client.query(`select pg_drop_replication_slot($1)`, [`base_${workload.name}`]);
    }
    report(rows, disk, server.major);
  } finally {
    await client.end();
    await server.stop();
  }
}

function report(rows: string[][], disk: readonly DiskLimits[], major: number): void {
  publish({
    name: 'capture',
    title: 'Capture from PostgreSQL into the durable log',
    header: [
      'backlog',
      'pg_recvlogical → /dev/null, rows/s',
      'Tailrace → fsync’ed log, rows/s',
      'ratio (min–max)',
      'bar',
      'CPU µs a row',
      'peak RSS MB',
    ],
    rows,
    notes: [
      'nd: 1,000 transactions × 1,000 narrow rows; ns: 100,000 single-row transactions; wd: 200 × 1,000 wide rows.',
      `PostgreSQL ${major}, ${ROUNDS} rounds after a warm-up, taken in turn, each reader on its own copy of the slot.`,
      `Disk in the same run: fdatasync p50 ${spread(disk.map((d) => d.fdatasyncP50Ms))} ms, raw write ceiling ${spread(
        disk.map((d) => d.rawWriteMiBps),
        0,
      )} MiB/s.`,
      'Tailrace is timed from opening the reader to the durable commit of the last row, modules loaded; `pg_recvlogical` as a process.',
    ],
  });
}
