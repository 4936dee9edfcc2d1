/** MySQL and MariaDB for the acceptance kit: a database for each target. */
import { randomUUID } from 'node:crypto';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { quoteName } from '../../../connectors/mysql/names.ts';
import type { MysqlServer } from '../../../demo/servers/mysql.ts';
import type { TableSchema } from '../../../src/contracts/schema.ts';
import type { SinkDriver, TargetRow } from '../../../src/testkit/index.ts';
import { openClient } from '../../support/mysql-source.ts';
import { SwitchProxy } from '../../support/switch-proxy.ts';
import { canonicalText } from './sql-texts.ts';

const newName = (): string => `k${randomUUID().replaceAll('-', '').slice(0, 30)}`;

export function mysqlSinkDriver(server: () => MysqlServer): SinkDriver {
  const proxies = new Map<unknown, SwitchProxy>();
  const ask = async <T>(work: (client: Connection) => Promise<T>): Promise<T> => {
    const client = await openClient(server().url);
    try {
      return await work(client);
    } finally {
      client.destroy();
    }
  };
  const asUser = async (url: unknown, password: string): Promise<string> => {
    const user = newName();
    await ask((client) => client.query(`CREATE USER ${user}@'%' IDENTIFIED BY 'right'`));
    return String(Object.assign(new URL(String(url)), { username: user, password }));
  };
  return {
    module: null,
    async target() {
      const database = newName();
      await ask((client) => client.query(`CREATE DATABASE ${database}`));
      const proxy = await SwitchProxy.start(Number(new URL(server().url).port));
      const url = Object.assign(new URL(`${server().url}${database}`), { port: String(proxy.port) });
      const settings = { url: String(url) };
      proxies.set(settings.url, proxy);
      return {
        settings,
        rows: (table) => ask((client) => rowsOf(client, database, table)),
        async remove() {
          await proxy.off();
          await ask((client) => client.query(`DROP DATABASE ${database}`));
        },
      };
    },
    notApplicable: {
      'values/not-numbers': 'a DOUBLE of MySQL is a number; such a record is refused',
      'values/infinite-times': 'MySQL has no such times; such a record is refused',
    },
    wrongHost: async ({ settings }) => ({ ...settings, url: String(settings.url).replace(/:\d+\//, ':1/') }),
    wrongCredential: async ({ settings }, password) => ({ ...settings, url: await asUser(settings.url, password) }),
    async missingPermission({ settings }) {
      const url = await asUser(settings.url, 'right');
      const { username, pathname } = new URL(url);
      await ask((client) => client.query(`GRANT SELECT ON ${pathname.slice(1)}.* TO ${username}@'%'`));
      return { ...settings, url };
    },
    async interrupt({ settings }) {
      const proxy = proxies.get(settings.url)!;
      await proxy.off();
      return () => proxy.on();
    },
    async poison({ settings }) {
      const database = new URL(String(settings.url)).pathname.slice(1);
      const columns = `id varchar(255) PRIMARY KEY, a varchar(255) CHECK (a <> 'poison'), b text`;
      await ask((client) => client.query(`CREATE TABLE ${database}.${quoteName('rows')} (${columns})`));
      return 'poison';
    },
  };
}

async function rowsOf(
  client: Connection,
  database: string,
  { table, columns }: TableSchema,
): Promise<readonly TargetRow[]> {
  const kinds = new Map(columns.map(({ name, kind }) => [name, kind]));
  const [found] = await client.query<RowDataPacket[]>(
    `SELECT COLUMN_NAME AS name FROM information_schema.COLUMNS
     WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND COLUMN_NAME NOT LIKE '\\_tr\\_%'`,
    [database, table],
  );
  const names = found.map(({ name }) => String(name));
  if (names.length === 0) return [];
  const list = names.map((name) => {
    const quoted = quoteName(name);
    return kinds.get(name) === 'bytes' ? `TO_BASE64(${quoted})` : `CAST(${quoted} AS char)`;
  });
  const sql = `SELECT ${list.join(', ')} FROM ${database}.${quoteName(table)}`;
  const [rows] = await client.query<RowDataPacket[][]>({ sql, rowsAsArray: true });
  return rows.map((row) => ({
    values: Object.fromEntries(
      names.map((name, i) => [name, canonicalText(kinds.get(name), row[i] as unknown as string | null)]),
    ),
  }));
}
