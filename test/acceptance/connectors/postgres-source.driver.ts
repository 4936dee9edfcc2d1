/** PostgreSQL as a source for the acceptance kit: a database for each origin. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { PostgresServer } from '../../../demo/servers/postgres.ts';
import type { SourceDriver, SourceOrigin } from '../../../src/testkit/index.ts';
import { SwitchProxy } from '../../support/switch-proxy.ts';
import { statementOf } from './sql-changes.ts';

const newName = (): string => `kit_${randomUUID().replaceAll('-', '')}`;

async function ask<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function newOrigin(server: PostgresServer, proxies: Map<unknown, SwitchProxy>): Promise<SourceOrigin> {
  const name = newName();
  const database = await server.createDatabase(name);
  const writer = new pg.Client({ connectionString: database });
  writer.on('error', () => {});
  await writer.connect();
  await writer.query('CREATE TABLE rows (id text PRIMARY KEY, a text, b text)');
  const proxy = await SwitchProxy.start(server.port);
  const url = database.replace(`:${server.port}`, `:${proxy.port}`);
  proxies.set(url, proxy);
  return {
    settings: { url },
    table: 'public.rows',
    async change(changes) {
      await writer.query('BEGIN');
      for (const change of changes) {
        const { sql, values } = statementOf('rows', change, (n) => `$${n}`);
        await writer.query(sql, [...values]);
      }
      await writer.query('COMMIT');
    },
    async remove() {
      await writer.end();
      await proxy.off();
      await ask(server.url, async (client) => {
        await dropSlots(client, name);
        await client.query(`DROP DATABASE ${name} WITH (FORCE)`);
      });
    },
  };
}

export function postgresSourceDriver(server: () => PostgresServer): SourceDriver {
  const proxies = new Map<unknown, SwitchProxy>();
  const direct = ({ settings }: SourceOrigin) => String(settings.url).replace(/:\d+\//, `:${server().port}/`);
  const asUser = async ({ settings }: SourceOrigin, password: string) => {
    const user = newName();
    await ask(server().url, (client) => client.query(`CREATE ROLE ${user} LOGIN PASSWORD 'right'`));
    return { ...settings, url: String(Object.assign(new URL(String(settings.url)), { username: user, password })) };
  };
  return {
    module: null,
    changesKeys: true,
    origin: () => newOrigin(server(), proxies),
    wrongHost: async ({ settings }) => ({ ...settings, url: String(settings.url).replace(/:\d+\//, ':1/') }),
    wrongCredential: (origin, password) => asUser(origin, password),
    missingPermission: (origin) => asUser(origin, 'right'),
    async interrupt({ settings }) {
      const proxy = proxies.get(settings.url)!;
      await proxy.off();
      return () => proxy.on();
    },
    loseHistory: (origin) =>
      ask(direct(origin), (client) => dropSlots(client, new URL(direct(origin)).pathname.slice(1))),
  };
}

async function dropSlots(client: pg.Client, database: string): Promise<void> {
  const all = 'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = $1';
  await client.query(all, [database]);
  const drop = 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1';
  // A reader that has just stopped holds its slot for a moment.
  for (let tries = 0; ; tries++) {
    try {
      await client.query(drop, [database]);
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== '55006' || tries > 200) throw error;
      await client.query('SELECT pg_sleep(0.01)');
    }
  }
}
