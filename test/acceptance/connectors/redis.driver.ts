/** Redis for the acceptance kit: a prefix of its own for each target, rows as hashes. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { RedisServer } from '../../../demo/servers/redis.ts';
import type { SinkDriver } from '../../../src/testkit/index.ts';
import { SwitchProxy } from '../../support/switch-proxy.ts';

const OWN = /^_tr_/;

export function redisSinkDriver(server: () => RedisServer): SinkDriver {
  const proxies = new Map<unknown, SwitchProxy>();
  const ask = async <T>(work: (client: Redis) => Promise<T>): Promise<T> => {
    const client = new Redis(server().url, { protocol: 2 });
    try {
      return await work(client);
    } finally {
      client.disconnect();
    }
  };
  const asUser = async (url: unknown, password: string, rules: readonly string[]): Promise<string> => {
    const user = `kit-${randomUUID()}`;
    await ask((client) => client.call('ACL', 'SETUSER', user, 'on', '>right', ...rules));
    return String(Object.assign(new URL(String(url)), { username: user, password }));
  };
  return {
    module: null,
    async target() {
      const prefix = `kit${randomUUID()}`;
      const proxy = await SwitchProxy.start(Number(new URL(server().url).port));
      const url = String(Object.assign(new URL(server().url), { port: String(proxy.port) }));
      const settings = { url, key: `${prefix}:{$table}:{id}` };
      proxies.set(settings.url, proxy);
      return {
        settings,
        rows: ({ table }) => ask((client) => rowsOf(client, `${prefix}:${table}:*`)),
        remove: () => proxy.off(),
      };
    },
    notApplicable: {
      'failure/poison': 'a hash takes any record; scores of a sorted set that are none are tried elsewhere',
    },
    wrongHost: async ({ settings }) => ({ ...settings, url: String(settings.url).replace(/:\d+(?=\/|$)/, ':1') }),
    wrongCredential: async ({ settings }, password) => {
      return { ...settings, url: await asUser(settings.url, password, ['~*', '+@all']) };
    },
    missingPermission: async ({ settings }) => {
      return { ...settings, url: await asUser(settings.url, 'right', ['~*', '+@connection']) };
    },
    async interrupt({ settings }) {
      const proxy = proxies.get(settings.url)!;
      await proxy.off();
      return () => proxy.on();
    },
  };
}

async function rowsOf(client: Redis, pattern: string) {
  const keys = await client.keys(pattern);
  return Promise.all(
    keys.map(async (key) => {
      const fields = Object.entries(await client.hgetall(key));
      return { values: Object.fromEntries(fields.filter(([name]) => !OWN.test(name))) };
    }),
  );
}
