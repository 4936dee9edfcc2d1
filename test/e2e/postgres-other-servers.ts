/** Servers that take the place of the one that was read: of another system, put back, promoted without its slot. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type PostgresServer, startPostgres } from '../../demo/servers/postgres.ts';
import type { GapScene } from '../support/gap-scene.ts';
import { coldCopy, connect } from '../support/standby.ts';
import { type Fault, GAP_DDL } from './postgres-gap-faults.ts';

/** Slots of the server that is copied. */
const SETTINGS = { max_replication_slots: '60' };

const databaseOf = ({ made }: GapScene) => made.options.name;

async function moveTo(scene: GapScene, server: PostgresServer): Promise<void> {
  onTestFinished(() => server.stop());
  const url = await server.createDatabase(databaseOf(scene));
  scene.moveTo(url, await connect(url));
}

/** A backup, and a source that has gone on beyond it. */
async function backup(scene: GapScene): Promise<string> {
  const dataDir = await coldCopy(scene.made.server);
  scene.client = await connect(scene.made.url);
  await scene.start();
  await scene.client.query(`insert into t (id) values (98)`);
  await scene.caughtUp();
  await scene.stop();
  return dataDir;
}

async function promote(dataDir: string): Promise<PostgresServer> {
  await writeFile(join(dataDir, 'standby.signal'), '');
  const server = await startPostgres({ dataDir, settings: SETTINGS });
  const client = await connect(server.url);
  await client.query('select pg_promote()');
  return server;
}

export const OTHER_SERVERS: readonly Fault[] = [
  {
    what: 'PG-05 another server is at the address',
    inject: async (scene) => {
      await moveTo(scene, await startPostgres());
      await scene.client.query(GAP_DDL);
    },
    message: /the server is another one/,
    remedy: /put the former server into `url` of the source, or set `on_gap: resnapshot`/,
  },
  {
    what: 'PG-05 a backup is put back',
    inject: async (scene) => moveTo(scene, await startPostgres({ dataDir: await backup(scene), settings: SETTINGS })),
    message: /it was put back to an earlier state/,
  },
  {
    what: 'PG-05 a backup is promoted and written to',
    inject: async (scene) => {
      await moveTo(scene, await promote(await backup(scene)));
      await scene.client.query(`insert into t select i, repeat('x', 2000) from generate_series(2000, 3000) i`);
    },
    message: /does not go through the position/,
  },
  {
    what: 'PG-06 a standby without the slot is promoted',
    inject: async (scene) => {
      await moveTo(scene, await promote(await coldCopy(scene.made.server)));
      await scene.client.query(`select pg_drop_replication_slot('${scene.slot}')`);
    },
    message: /replication slot \w+ does not exist any more/,
  },
];
