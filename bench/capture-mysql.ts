/**
 * Capture of a MariaDB backlog into the fsync'ed log, against `mariadb-binlog` decoding the same stretch of the binary log to text
 * into /dev/null, both over the network protocol; and the snapshot of a table, against a client that reads it. Debezium's
 * MariaDB connector is a third side where there is a Java to run it. The sides take turns.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Connection } from 'mysql2/promise';
import { sourceConfig } from '../connectors/mysql/config.ts';
import { MysqlReader } from '../connectors/mysql/reader.ts';
import { unpackDebian } from '../demo/servers/debian-package.ts';
import { type MysqlServer, startMysql } from '../demo/servers/mysql.ts';
import { installOnce } from '../demo/servers/server-cache.ts';
import { TailraceError } from '../src/contracts/errors.ts';
import type { Position } from '../src/contracts/source.ts';
import { openClient } from '../test/support/mysql-source.ts';
import { RecordingOutput } from '../test/support/recording-output.ts';
import { readingOptions } from '../test/support/source-reading.ts';
import { type CaptureResult, startCapture } from './capture-process.ts';
import type { DebeziumResult } from './debezium/debezium.ts';
import { MariadbDebezium } from './debezium/mariadb.ts';
import { type DiskLimits, measureDisk } from './disk.ts';
import { median, publish, spread } from './report.ts';

const ROUNDS = 3;
const run_ = promisify(execFile);

export interface MysqlCaptureTask {
  readonly url: string;
  readonly table: string;
  readonly dataDir: string;
  /** Null: the table is read. */
  readonly position: Position | null;
  /** Of the backlog, or of the table. */
  readonly rows: number;
}

interface Workload {
  readonly transactions: number;
  readonly each: number;
  readonly columns: string;
  readonly row: string;
}

const NARROW = { columns: 'id bigint PRIMARY KEY, a int, b varchar(40)', row: "seq, seq % 1000, LPAD(seq, 20, 'x')" };
const WIDE = {
  columns:
    'id bigint PRIMARY KEY, i1 int, i2 int, i3 bigint, i4 smallint, t1 text, t2 text, t3 varchar(40), t4 text, n1 decimal(12,2), ' +
    'n2 decimal(20,6), z1 timestamp(6), z2 datetime(6), d1 date, j1 json, u1 char(36), b1 bool, b2 bool, y1 varbinary(40), f1 double',
  row:
    "seq, seq % 1000, seq * 7 % 100000, seq * 1000003, seq % 100, MD5(seq), REPEAT('ab', 10), LEFT(MD5(seq + 1), 30), 'constant text', " +
    "seq % 100000 / 100, seq % 1000000 / 1000000, FROM_UNIXTIME(1767225600 + seq), '2026-06-01 12:00:00.123456', " +
    "DATE_ADD('2026-01-01', INTERVAL seq % 365 DAY), JSON_OBJECT('id', seq, 'tag', 'x'), UUID(), seq % 2 = 0, seq % 3 = 0, UNHEX(MD5(seq)), seq / 7",
};
/** The backlogs of `capture`. */
const WORKLOADS: Readonly<Record<string, Workload>> = {
  nd: { transactions: 1_000, each: 1_000, ...NARROW },
  ns: { transactions: 100_000, each: 1, ...NARROW },
  wd: { transactions: 200, each: 1_000, ...WIDE },
};

/** How many times as fast as Debezium. */
const BARS: Readonly<Record<string, number>> = { nd: 4, ns: 3, wd: 5, snapshot: 4 };

export const rows = [...Object.keys(WORKLOADS), 'snapshot'];

/** Where the log ends now, as a reader of these tables says it. */
async function positionNow(url: string, table: string): Promise<Position> {
  const options = {
    config: sourceConfig.parse({ url }),
    ...readingOptions('bench', [table]),
    snapshot: 'never' as const,
  };
  const reader = new MysqlReader(options);
  const output = new RecordingOutput();
  const abort = new AbortController();
  output.onPosition = () => abort.abort();
  await reader.run(null, output, abort.signal);
  await reader.close();
  return output.lastPosition!;
}

/** Committed one by one within one call, so that the client costs nothing. */
async function write(client: Connection, table: string, { transactions, each, row }: Workload): Promise<void> {
  await client.query(`CREATE OR REPLACE PROCEDURE fill() BEGIN
    FOR t IN 0 .. ${transactions - 1} DO
      INSERT INTO ${table} SELECT ${row} FROM (SELECT t * ${each} + seq AS seq FROM seq_1_to_${each}) s;
    END FOR; END`);
  await client.query('CALL fill()');
}

async function binlogProgram(): Promise<string> {
  const wanted = { packageName: 'mariadb-client', suite: 'bookworm', program: 'mariadb-binlog' };
  return join(await installOnce('mariadb-client-bookworm', (into) => unpackDebian(wanted, into)), wanted.program);
}

async function timed(program: string, words: readonly string[]): Promise<number> {
  const start = performance.now();
  await run_('/bin/sh', ['-c', '"$0" "$@" > /dev/null', program, ...words]);
  return (performance.now() - start) / 1_000;
}

interface Measured {
  readonly name: string;
  readonly rows: number;
  readonly peer: number[];
  readonly ours: CaptureResult[];
  /** Empty without Java. */
  readonly debezium: DebeziumResult[];
}

interface Peers {
  /** Seconds. */
  readonly peer: () => Promise<number>;
  readonly debezium: (() => Promise<DebeziumResult>) | null;
}

async function inTurn(
  name: string,
  rows: number,
  { peer, debezium }: Peers,
  task: Omit<MysqlCaptureTask, 'dataDir'>,
): Promise<Measured> {
  const measured: Measured = { name, rows, peer: [], ours: [], debezium: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    const dataDir = await mkdtemp(join(tmpdir(), 'tailrace-bench-'));
    const peerSeconds = await peer();
    const other = await debezium?.();
    const ours = await startCapture('bench/capture-mysql-child.ts', { ...task, dataDir });
    await rm(dataDir, { recursive: true });
    // Markers of a snapshot count as well.
    if (ours.rows < rows) throw new Error(`captured ${ours.rows} of ${rows} rows of ${name}`);
    if (round > 0) {
      measured.peer.push(peerSeconds);
      measured.ours.push(ours);
      if (other !== undefined) measured.debezium.push(other);
    }
  }
  return measured;
}

interface Scene {
  readonly server: MysqlServer;
  readonly client: Connection;
  readonly debezium: MariadbDebezium | null;
}

async function measure({ server, client, debezium }: Scene, name: string): Promise<Measured> {
  const isSnapshot = name === 'snapshot';
  const workload = WORKLOADS[isSnapshot ? 'nd' : name]!;
  const table = `b.${name}`;
  await client.query(
    `CREATE DATABASE IF NOT EXISTS b; USE b; CREATE TABLE ${table} (${workload.columns}); FLUSH BINARY LOGS`,
  );
  if (!isSnapshot) await debezium?.remember(client, table);
  const position = await positionNow(server.url, table);
  await write(client, table, workload);
  const count = workload.transactions * workload.each;
  const login = ['--host=127.0.0.1', `--port=${server.port}`, '--user=root', '--skip-ssl'];
  const task = { url: server.url, table, rows: count, position: isSnapshot ? null : position };
  if (isSnapshot) {
    // What reads fastest: rows as they come, into one message each.
    const other = debezium && (() => debezium.snapshot(table, count));
    return inTurn(name, count, { peer: () => readAll(server.url, table), debezium: other }, task);
  }
  const program = await binlogProgram();
  const words = [...login, '--read-from-remote-server', '-v', '--base64-output=decode-rows', '--to-last-log'];
  const peer = () => timed(program, [...words, String(position.file)]);
  return inTurn(name, count, { peer, debezium: debezium && (() => debezium.stream(table, count)) }, task);
}

/** The driver that everybody uses, its rows thrown away. */
async function readAll(url: string, table: string): Promise<number> {
  const client = await openClient(url);
  const start = performance.now();
  await client.query({ sql: `SELECT * FROM ${table}`, rowsAsArray: true });
  client.destroy();
  return (performance.now() - start) / 1_000;
}

function cells({ name, rows: count, peer, ours, debezium }: Measured): string[] {
  const rate = (seconds: number) => `${Math.round(count / seconds / 1_000)} k`;
  return [
    name,
    rate(median(peer)),
    rate(median(ours.map(({ seconds }) => seconds))),
    spread(ours.map(({ seconds }, i) => peer[i]! / seconds)),
    debezium.length === 0 ? 'no Java' : rate(median(debezium.map(({ seconds }) => seconds))),
    debezium.length === 0 ? '' : spread(ours.map(({ seconds }, i) => debezium[i]!.seconds / seconds)),
    String(BARS[name]),
    `${((1e6 * median(ours.map(({ cpuSeconds }) => cpuSeconds))) / count).toFixed(1)}`,
    `${Math.round(Math.max(...ours.map(({ peakRssMb }) => peakRssMb)))}`,
    debezium.length === 0 ? '' : `${Math.round(Math.max(...debezium.map(({ peakRssMb }) => peakRssMb)))}`,
  ];
}

/** Loudly null where it cannot be run. */
async function debeziumIfAny(server: MysqlServer): Promise<MariadbDebezium | null> {
  try {
    return await MariadbDebezium.start(server);
  } catch (error) {
    if (!(error instanceof TailraceError) || error.code !== 'demo.missing') throw error;
    process.stderr.write(`\nDebezium is NOT measured: ${error.message} ${error.remedy}\n\n`);
    return null;
  }
}

export async function run(names: readonly string[]): Promise<void> {
  const server = await startMysql({ flavor: 'mariadb', own: true, settings: ['--innodb-buffer-pool-size=512M'] });
  const disk: DiskLimits[] = [];
  const table: string[][] = [];
  let debezium: MariadbDebezium | null = null;
  try {
    debezium = await debeziumIfAny(server);
    const client = await openClient(server.url);
    for (const name of names) {
      disk.push(measureDisk(tmpdir()));
      table.push(cells(await measure({ server, client, debezium }, name)));
    }
    client.destroy();
  } finally {
    await debezium?.stop();
    await server.stop();
  }
  report(table, disk, [server.name, ...(debezium === null ? [] : [`Debezium ${debezium.version}`])].join(', '));
}

function report(table: string[][], disk: readonly DiskLimits[], server: string): void {
  publish({
    name: 'capture-mysql',
    title: 'Capture from MariaDB into the durable log',
    merge: true,
    header: [
      'backlog',
      'peer → /dev/null, rows/s',
      'Tailrace → fsync’ed log, rows/s',
      '× peer (min–max)',
      'Debezium → JSON, rows/s',
      '× Debezium (min–max)',
      'bar',
      'CPU µs a row',
      'peak RSS MB, bar 250',
      'Debezium’s',
    ],
    rows: table,
    notes: [
      'nd: 1,000 transactions × 1,000 narrow rows; ns: 100,000 single-row transactions; wd: 200 × 1,000 wide rows; snapshot: a table of 1,000,000 narrow rows.',
      'The peer of nd, ns and wd is `mariadb-binlog -v --base64-output=decode-rows` from the remote server, of snapshot a `SELECT *` of mysql2 without a sink.',
      `${server}, ${ROUNDS} rounds after a warm-up, taken in turn.`,
      `Disk in the same run: fdatasync p50 ${spread(disk.map((d) => d.fdatasyncP50Ms))} ms.`,
      'Debezium: its engine with a 1 GiB heap, larger queues than its defaults and a poll every 10 ms; warm, its events thrown away. Its clock runs from the start of the engine to the batch with the last row.',
      'Tailrace is timed from opening the reader to the durable commit of the last row, modules loaded; the peer as a process.',
    ],
  });
}
