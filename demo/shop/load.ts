/**
 * The shop's load generator: customers, orders, price changes and mishaps over its own PostgreSQL connections.
 * It knows nothing of Tailrace.
 */
import pg from 'pg';
import { Random } from './random.ts';
import { type Counts, ShopWorker } from './worker.ts';

export interface LoadOptions {
  readonly url: string;
  readonly seed: number;
  /** Transactions per second over all connections. */
  readonly rate: number;
  readonly connections?: number;
}

export interface LoadCounts extends Counts {
  readonly seconds: number;
}

/** Server says: try the transaction again (serialization failure, deadlock). */
const RETRYABLE = new Set(['40001', '40P01']);

export class ShopLoad {
  readonly #options: Required<LoadOptions>;
  readonly #workers: ShopWorker[] = [];
  readonly #clients: pg.Client[] = [];
  readonly #loops: Promise<void>[] = [];
  #stopping = false;
  #startedAt = 0;
  #stoppedAt = 0;
  /** Resolves when `stop` was called, rejects when the load cannot go on. */
  readonly ended: Promise<void>;
  #end!: { resolve(): void; reject(error: unknown): void };

  private constructor(options: LoadOptions) {
    this.#options = { connections: 3, ...options };
    this.ended = new Promise((resolve, reject) => {
      this.#end = { resolve, reject };
    });
    this.ended.catch(() => {});
  }

  /** Connects, learns which rows exist, and begins. */
  static async start(options: LoadOptions): Promise<ShopLoad> {
    const load = new ShopLoad(options);
    const { connections, url, seed } = load.#options;
    for (let number = 0; number < connections; number++) {
      const client = new pg.Client({ connectionString: url, application_name: 'shop load' });
      client.on('error', (error) => load.#end.reject(error));
      await client.connect();
      load.#clients.push(client);
      load.#workers.push(await ShopWorker.create(client, new Random(seed, number), { number, of: connections }));
    }
    load.#startedAt = performance.now();
    load.#loops.push(...load.#workers.map((worker) => load.#run(worker)));
    return load;
  }

  counts(): LoadCounts {
    const sum: Record<keyof Counts, number> = {
      transactions: 0,
      inserts: 0,
      updates: 0,
      deletes: 0,
      keyChanges: 0,
      bulk: 0,
      rollbacks: 0,
    };
    for (const { counts } of this.#workers) {
      for (const name of Object.keys(sum) as (keyof Counts)[]) sum[name] += counts[name];
    }
    const until = this.#stoppedAt === 0 ? performance.now() : this.#stoppedAt;
    return { ...sum, seconds: (until - this.#startedAt) / 1_000 };
  }

  /** Ends the running transactions and disconnects. Idempotent. */
  async stop(): Promise<LoadCounts> {
    this.#stopping = true;
    await Promise.all(this.#loops);
    if (this.#stoppedAt === 0) this.#stoppedAt = performance.now();
    await Promise.all(this.#clients.splice(0).map((client) => client.end()));
    this.#end.resolve();
    return this.counts();
  }

  async #run(worker: ShopWorker): Promise<void> {
    const { rate, connections } = this.#options;
    const pause = (1_000 * connections) / rate;
    let due = performance.now();
    while (!this.#stopping) {
      try {
        await worker.transaction();
      } catch (error) {
        if (this.#stopping) return;
        if (!isRetryable(error)) return this.#end.reject(error);
      }
      // After a stall the missed transactions are not made up for beyond a second's worth.
      due = Math.max(due + pause, performance.now() - 1_000);
      const wait = due - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(wait, 200)));
    }
  }
}

function isRetryable(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code !== undefined && RETRYABLE.has(error.code);
}
