/** Everything around Tailrace in the demo: the shop's database, the stores it is carried to, the files and variables. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TailraceError } from '../src/contracts/errors.ts';
import { freePort } from './servers/free-port.ts';
import { startPostgres } from './servers/postgres.ts';

const HTTP_PORT = 7600;
/** Masks the customers' e-mail addresses. Not a secret worth the name: the demo's data is made up. */
export const MASK_KEY = 'demo mask key';

export interface EnvironmentOptions {
  readonly directory: string;
  readonly full: boolean;
  /** For data that is kept and looked at: PostgreSQL writes through to the disk, Tailrace's own HTTP port if it is free. */
  readonly durable: boolean;
}

export interface ShopEnvironment {
  readonly directory: string;
  readonly full: boolean;
  /** The pipeline file to run. */
  readonly file: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly httpPort: number;
  readonly shopUrl: string;
  readonly warehouseUrl: string;
  /** Null without `full`. */
  readonly redisUrl: string | null;
  readonly elasticsearchUrl: string | null;
  readonly catalogueFile: string;
  readonly ledgerFile: string;
  readonly auditFile: string;
  readonly archiveFile: string;
  stop(): Promise<void>;
}

/** Throws `demo.missing` where a server is not to be had. */
export async function startEnvironment(options: EnvironmentOptions): Promise<ShopEnvironment> {
  const { directory, full, durable } = options;
  const file = pipelineFile(full);
  const out = join(directory, 'out');
  await mkdir(out, { recursive: true });
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    const others = full ? await startOthers(directory, stops) : null;
    const settings = { ...(durable ? { fsync: 'on', full_page_writes: 'on' } : {}) };
    const postgres = await startPostgres({ dataDir: join(directory, 'postgres'), settings });
    stops.push(() => postgres.stop());
    const shopUrl = await postgres.createDatabase('shop');
    const warehouseUrl = await postgres.createDatabase('warehouse');
    const httpPort = await (durable ? portOrFree(HTTP_PORT) : freePort());
    return {
      directory,
      full,
      file,
      httpPort,
      shopUrl,
      warehouseUrl,
      redisUrl: others?.redisUrl ?? null,
      elasticsearchUrl: others?.elasticsearchUrl ?? null,
      catalogueFile: join(out, 'catalogue.db'),
      ledgerFile: join(out, 'ledger.db'),
      auditFile: join(out, 'audit.jsonl'),
      archiveFile: join(out, 'archive.jsonl'),
      variables: {
        SHOP_PG_URL: shopUrl,
        WAREHOUSE_PG_URL: warehouseUrl,
        SHOP_DIR: directory,
        SHOP_HTTP_PORT: String(httpPort),
        SHOP_MASK_KEY: MASK_KEY,
        ...(others === null ? {} : { REDIS_URL: others.redisUrl, ELASTICSEARCH_URL: others.elasticsearchUrl }),
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startOthers(directory: string, stops: (() => Promise<void>)[]) {
  const [{ startRedis }, { startElasticsearch }] = await Promise.all([
    import('./servers/redis.ts'),
    import('./servers/elasticsearch.ts'),
  ]);
  const redis = await startRedis({ dataDir: join(directory, 'redis') });
  stops.push(() => redis.stop());
  const elasticsearch = await startElasticsearch({ dataDir: join(directory, 'elasticsearch') });
  stops.push(() => elasticsearch.stop());
  return { redisUrl: redis.url, elasticsearchUrl: elasticsearch.url };
}

/** The pipeline files stand in `demo/` of the repository, beside `bin/`. */
function pipelineFile(full: boolean): string {
  for (let dir = dirname(fileURLToPath(import.meta.url)); dirname(dir) !== dir; dir = dirname(dir)) {
    const file = join(dir, 'demo', full ? 'shop-full.yaml' : 'shop.yaml');
    if (existsSync(file)) return file;
  }
  throw new TailraceError('demo.missing', 'The demo runs in a clone of the repository; the package does not carry it.');
}

function portOrFree(port: number): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(freePort()));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(port)));
  });
}
