/** PostgreSQL for the acceptance kit: a schema of one database for each target. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { PostgresServer } from '../../../demo/servers/postgres.ts';
import type { Column, TableSchema } from '../../../src/contracts/schema.ts';
import type { SinkDriver, TargetRow } from '../../../src/testkit/index.ts';
import { SwitchProxy } from '../../support/switch-proxy.ts';
import { canonicalText } from './sql-texts.ts';

const newName = (): string => `kit_${randomUUID().replaceAll('-', '')}`;

function withLogin(url: unknown, user: string, password: string): string {
  return String(Object.assign(new URL(String(url)), { username: user, password }));
}

export function postgresSinkDriver(server: () => PostgresServer): SinkDriver {
  const proxies = new Map<unknown, SwitchProxy>();
  const ask = async <T>(work: (client: pg.Client) => Promise<T>): Promise<T> => {
    const client = new pg.Client({ connectionString: server().url });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  };
  const login = (password: string) => (client: pg.Client) => makeLogin(client, password);
  return {
    module: null,
    async target() {
      const schema = newName();
      await ask((client) => client.query(`CREATE SCHEMA ${schema}`));
      const proxy = await SwitchProxy.start(server().port);
      const url = server().url.replace(`:${server().port}`, `:${proxy.port}`);
      const settings = { url, schema };
      proxies.set(settings.url, proxy);
      return {
        settings,
        rows: (table) => ask((client) => rowsOf(client, schema, table)),
        async remove() {
          await proxy.off();
          await ask((client) => client.query(`DROP SCHEMA ${schema} CASCADE`));
        },
      };
    },
    wrongHost: async ({ settings }) => ({ ...settings, url: String(settings.url).replace(/:\d+\//, ':1/') }),
    async wrongCredential({ settings }, password) {
      const user = await ask(login('right'));
      return { ...settings, url: withLogin(settings.url, user, password) };
    },
    async missingPermission({ settings }) {
      const user = await ask(login('right'));
      return { ...settings, url: withLogin(settings.url, user, 'right') };
    },
    async interrupt({ settings }) {
      const proxy = proxies.get(settings.url)!;
      await proxy.off();
      return () => proxy.on();
    },
    // A text of PostgreSQL has no such character.
    poison: async () => 'a\u0000b',
  };
}

async function makeLogin(client: pg.Client, password: string): Promise<string> {
  const user = newName();
  await client.query(`CREATE ROLE ${user} LOGIN PASSWORD '${password}'`);
  return user;
}

async function rowsOf(
  client: pg.Client,
  schema: string,
  { table, columns }: TableSchema,
): Promise<readonly TargetRow[]> {
  const known = new Map(columns.map((column) => [column.name, column]));
  const found = await client.query<{ name: string }>(
    `SELECT column_name AS name FROM information_schema.columns
     WHERE table_schema = $1 AND table_name = $2 AND column_name NOT LIKE '\\_tr\\_%'`,
    [schema, table],
  );
  const names = found.rows.map(({ name }) => name);
  if (names.length === 0) return [];
  const list = names.map((name) => textOf(pg.escapeIdentifier(name), known.get(name)));
  const text = `SELECT ${list.join(', ')} FROM ${schema}.${pg.escapeIdentifier(table)}`;
  const { rows } = await client.query<(string | null)[]>({ text, rowMode: 'array' });
  return rows.map((row) => ({
    values: Object.fromEntries(names.map((name, i) => [name, canonicalText(known.get(name)?.kind, row[i]!)])),
  }));
}

function textOf(name: string, column: Column | undefined): string {
  if (column?.kind === 'bytes') return `encode(${name}, 'base64')`;
  return column?.kind === 'array' ? `to_json(${name})::text` : `${name}::text`;
}
