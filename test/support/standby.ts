/** A standby of a real PostgreSQL server, and a copy of one as a backup would be. */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import { type PostgresServer, startPostgres } from '../../demo/servers/postgres.ts';

/** Ends with the test. */
export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  client.on('error', () => {});
  await client.connect();
  onTestFinished(() => client.end().catch(() => {}));
  return client;
}

/** The data directory as a kill leaves it, somewhere else; the server runs on. Removed with the test. */
export async function coldCopy(server: PostgresServer): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'tailrace-copy-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const dataDir = join(root, 'data');
  await server.kill();
  await cp(server.dataDir, dataDir, { recursive: true, preserveTimestamps: true });
  await server.restart();
  await rm(join(dataDir, 'postmaster.pid'), { force: true });
  return dataDir;
}

/** Follows the primary, which must have the physical slot `standby`. Stopped with the test. */
export async function standbyOf(primary: PostgresServer): Promise<PostgresServer> {
  const dataDir = await coldCopy(primary);
  await writeFile(join(dataDir, 'standby.signal'), '');
  const { username, password } = new URL(primary.url);
  const standby = await startPostgres({
    dataDir,
    settings: {
      primary_conninfo: `host=127.0.0.1 port=${primary.port} user=${username} password=${password} dbname=postgres`,
      primary_slot_name: 'standby',
      hot_standby_feedback: 'on',
    },
  });
  onTestFinished(() => standby.stop());
  return standby;
}

/** A primary with that physical slot and its standby. */
export async function primaryAndStandby(
  ddl: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<{ readonly primary: PostgresServer; readonly standby: PostgresServer }> {
  const primary = await startPostgres({ settings });
  onTestFinished(() => primary.stop());
  const client = await connect(primary.url);
  await client.query(`${ddl}; select pg_create_physical_replication_slot('standby', true)`);
  await client.end();
  return { primary, standby: await standbyOf(primary) };
}

/** Until the standby shows what the primary has committed so far. */
export async function caughtUp(primary: pg.Client, standby: pg.Client): Promise<void> {
  const { rows } = await primary.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn');
  const reached = 'select pg_last_wal_replay_lsn() >= $1::pg_lsn as yes';
  while ((await standby.query<{ yes: boolean }>(reached, [rows[0]!.lsn])).rows[0]?.yes !== true);
}
