/** A Redis Cluster of real servers on 127.0.0.1: three primaries, the first with a replica. */
import { Redis } from 'ioredis';
import { vi } from 'vitest';
import { freePort } from '../../demo/servers/free-port.ts';
import { type RedisServer, startRedis } from '../../demo/servers/redis.ts';

const PRIMARIES = 3;
const SLOTS = 16_384;
const WAIT = { timeout: 120_000, interval: 50 };

export class RedisCluster {
  readonly servers: readonly RedisServer[];
  readonly clients: readonly Redis[];

  private constructor(servers: readonly RedisServer[]) {
    this.servers = servers;
    this.clients = servers.map(({ url }) => {
      const client = new Redis(url, { protocol: 2, retryStrategy: null, maxRetriesPerRequest: 0 });
      client.on('error', () => {});
      return client;
    });
  }

  static async start(): Promise<RedisCluster> {
    const servers = await Promise.all(
      Array.from({ length: PRIMARIES + 1 }, async () => {
        const settings = ['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())];
        settings.push('--cluster-node-timeout', '2000', '--cluster-require-full-coverage', 'no');
        settings.push('--repl-diskless-sync-delay', '0');
        return startRedis({ own: true, settings });
      }),
    );
    const cluster = new RedisCluster(servers);
    await cluster.#join();
    return cluster;
  }

  get url(): string {
    return this.servers[1]!.url;
  }

  /** Primaries that are alive, one per server name. */
  get primaries(): readonly Redis[] {
    return this.clients.filter(({ status }) => status === 'ready').slice(0, PRIMARIES);
  }

  async #join(): Promise<void> {
    const [first] = this.clients;
    const buses = await Promise.all(
      this.clients.map(async (client) => Number(((await client.config('GET', 'cluster-port')) as string[])[1])),
    );
    for (const [i, client] of this.clients.slice(0, PRIMARIES).entries()) {
      const from = Math.ceil((i * SLOTS) / PRIMARIES);
      const to = Math.ceil(((i + 1) * SLOTS) / PRIMARIES) - 1;
      await client.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
      await client.call('CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1));
    }
    for (const [i, { port }] of this.servers.entries()) {
      if (i > 0) await first!.call('CLUSTER', 'MEET', '127.0.0.1', String(port), String(buses[i]));
    }
    const id = String(await first!.call('CLUSTER', 'MYID'));
    const replica = this.clients[PRIMARIES]!;
    await vi.waitFor(() => replica.call('CLUSTER', 'REPLICATE', id), WAIT);
    await vi.waitUntil(async () => {
      const infos = await Promise.all(this.clients.map(async (client) => String(await client.call('CLUSTER', 'INFO'))));
      const known = `cluster_known_nodes:${PRIMARIES + 1}`;
      return infos.every((info) => info.includes('cluster_state:ok') && info.includes(known));
    }, WAIT);
    await vi.waitUntil(async () => (await replica.info('replication')).includes('master_link_status:up'), WAIT);
  }

  /** The first primary dies after its replica has stopped to hear from it; the replica takes over. */
  async cutReplica(): Promise<void> {
    const [primary] = this.clients;
    // Connections that are there stay; the replica cannot log in again.
    await primary!.config('SET', 'requirepass', 'nobody knows');
    await primary!.call('CLIENT', 'KILL', 'TYPE', 'replica');
    const replica = this.clients[PRIMARIES]!;
    await vi.waitUntil(async () => (await replica.info('replication')).includes('master_link_status:down'), WAIT);
  }

  async failOver(): Promise<void> {
    await this.servers[0]!.kill();
    const replica = this.clients[PRIMARIES]!;
    await replica.call('CLUSTER', 'FAILOVER', 'TAKEOVER');
    const { port } = this.servers[PRIMARIES]!;
    await vi.waitUntil(async () => {
      const ranges = (await this.clients[1]!.call('CLUSTER', 'SLOTS')) as [number, number, [string, number]][];
      return ranges.some(([, , [, owner]]) => owner === port);
    }, WAIT);
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.disconnect();
    await Promise.all(this.servers.map((server) => server.stop()));
  }
}
