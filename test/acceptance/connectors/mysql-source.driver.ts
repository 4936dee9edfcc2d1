/** MySQL as a source for the acceptance kit: a database for each origin. */
import { randomUUID } from 'node:crypto';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import type { MysqlServer } from '../../../demo/servers/mysql.ts';
import type { SourceDriver, SourceOrigin } from '../../../src/testkit/index.ts';
import { openClient } from '../../support/mysql-source.ts';
import { SwitchProxy } from '../../support/switch-proxy.ts';
import { statementOf } from './sql-changes.ts';

const newName = (): string => `k${randomUUID().replaceAll('-', '').slice(0, 30)}`;

export function mysqlSourceDriver(server: () => MysqlServer): SourceDriver {
  const proxies = new Map<unknown, SwitchProxy>();
  const ask = async <T>(work: (client: Connection) => Promise<T>): Promise<T> => {
    const client = await openClient(server().url);
    try {
      return await work(client);
    } finally {
      client.destroy();
    }
  };
  const asUser = async ({ settings }: SourceOrigin, password: string) => {
    const user = newName();
    await ask((client) => client.query(`CREATE USER ${user}@'%' IDENTIFIED BY 'right'`));
    return { ...settings, url: String(Object.assign(new URL(String(settings.url)), { username: user, password })) };
  };
  return {
    module: null,
    changesKeys: true,
    async origin() {
      const database = newName();
      const writer = await openClient(server().url);
      await writer.query(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`);
      await writer.query(`CREATE TABLE ${database}.\`rows\` (id varchar(200) PRIMARY KEY, a longtext, b longtext)`);
      const proxy = await SwitchProxy.start(Number(new URL(server().url).port));
      const url = String(Object.assign(new URL(server().url), { port: String(proxy.port) }));
      proxies.set(url, proxy);
      return {
        settings: { url },
        table: `${database}.rows`,
        async change(changes) {
          await writer.query('START TRANSACTION');
          for (const change of changes) {
            const { sql, values } = statementOf(`${database}.\`rows\``, change, () => '?');
            await writer.query(sql, [...values]);
          }
          await writer.query('COMMIT');
        },
        async remove() {
          await writer.query(`DROP DATABASE ${database}`);
          writer.destroy();
          await proxy.off();
        },
      };
    },
    wrongHost: async ({ settings }) => ({ ...settings, url: String(settings.url).replace(/:\d+\//, ':1/') }),
    wrongCredential: (origin, password) => asUser(origin, password),
    missingPermission: (origin) => asUser(origin, 'right'),
    async interrupt({ settings }) {
      const proxy = proxies.get(settings.url)!;
      await proxy.off();
      return () => proxy.on();
    },
    loseHistory: () =>
      ask(async (client) => {
        await client.query('FLUSH BINARY LOGS');
        const [files] = await client.query<RowDataPacket[]>('SHOW BINARY LOGS');
        await client.query('PURGE BINARY LOGS TO ?', [files.at(-1)!.Log_name]);
      }),
  };
}
