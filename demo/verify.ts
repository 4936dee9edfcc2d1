/**
 * `tailrace demo --verify`: the demo unattended. Kills Tailrace in the worst places, lets it catch up, and compares every
 * store with the shop, row by row, with other clients than Tailrace's.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TailraceError } from '../src/contracts/errors.ts';
import { type ShopEnvironment, startEnvironment } from './environment.ts';
import type { Output } from './live-table.ts';
import type { DemoOptions } from './options.ts';
import { type LoadCounts, ShopLoad } from './shop/load.ts';
import { Random } from './shop/random.ts';
import { createShop } from './shop/schema.ts';
import { type Exit, TailraceProcess } from './tailrace-process.ts';
import { compareAll, sentinelArrived } from './verification/compare-all.ts';
import { isEqual, report } from './verification/comparison.ts';
import { dropOne } from './verification/sabotage.ts';
import { withPostgres } from './verification/stores.ts';

const SIZES = { products: 1_200, customers: 1_500, orders: 2_000 };
const DEFAULT_RATE = 150;
const DEFAULT_SECONDS = 20;
/** Under load without a kill, however long the kills took. */
const LAST_RUN_MS = 3_000;
/** For each step that is waited for. */
const PATIENCE_MS = 60_000;

export async function runVerification(options: DemoOptions, out: Output): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'tailrace-verify-'));
  out.write(`seed ${options.seed} (repeat with --seed ${options.seed})\n`);
  let keep = true;
  try {
    const code = await new Verification(options, directory, out).run();
    keep = code !== 0 && options.sabotage === null;
    return code;
  } finally {
    if (keep) out.write(`kept for inspection: ${directory}\n`);
    else await rm(directory, { recursive: true, force: true });
  }
}

class Verification {
  readonly #options: DemoOptions;
  readonly #directory: string;
  readonly #out: Output;
  readonly #random: Random;
  readonly #started = performance.now();
  #environment!: ShopEnvironment;
  #load!: ShopLoad;
  #loadError: { readonly cause: unknown } | null = null;
  #tailrace: TailraceProcess | null = null;

  constructor(options: DemoOptions, directory: string, out: Output) {
    this.#options = options;
    this.#directory = directory;
    this.#out = out;
    this.#random = new Random(options.seed);
  }

  async run(): Promise<number> {
    const { seed, rate, full, sabotage } = this.#options;
    this.#environment = await startEnvironment({ directory: this.#directory, full, durable: false });
    try {
      await createShop(this.#environment.shopUrl, seed, SIZES);
      this.#say(
        `shop filled: ${Object.entries(SIZES)
          .map(([table, rows]) => `${rows} ${table}`)
          .join(', ')}`,
      );
      this.#load = await ShopLoad.start({ url: this.#environment.shopUrl, seed, rate: rate ?? DEFAULT_RATE });
      this.#load.ended.catch((cause: unknown) => {
        this.#loadError = { cause };
      });
      await this.#crashes();
      await this.#lastRun();
      if (sabotage !== null) this.#say(`sabotage: ${await dropOne(this.#environment, this.#random)}`);
      return await this.#compare();
    } finally {
      this.#tailrace?.kill();
      await this.#load?.stop();
      await this.#environment.stop();
    }
  }

  /** Four deaths by SIGKILL: three at named points inside, one from outside. */
  async #crashes(): Promise<void> {
    const random = this.#random;
    await this.#dieAt('snapshot.rows', random.between(1_000, 8_000), 'in the snapshot');
    await this.#dieAt('source.mid-transaction', random.between(10, 60), 'inside a transaction of several rows');
    await this.#dieAt('sink.after-flush', random.between(5, 40), "between a sink's write and its offset commit");
    const tailrace = this.#start();
    await this.#until('rows reach a sink', async () => applied(tailrace, await tailrace.status()) > 0);
    await new Promise((resolve) => setTimeout(resolve, random.between(100, 2_000)));
    tailrace.kill();
    await this.#expectKilled(tailrace, 'from outside, at a random time');
  }

  async #dieAt(point: string, count: number, where: string): Promise<void> {
    const tailrace = this.#start(`${point}:${count}`);
    await this.#until(`death at ${point}:${count}`, () => tailrace.exit !== null);
    if (!tailrace.lastLines.some((line) => line.includes(`failpoint ${point} reached`))) {
      throw this.#failed(`tailrace ended before ${point}:${count}`, tailrace);
    }
    await this.#expectKilled(tailrace, `${where} (${point}:${count})`);
  }

  async #expectKilled(tailrace: TailraceProcess, where: string): Promise<void> {
    const exit = await tailrace.exited;
    this.#tailrace = null;
    if (exit.signal !== 'SIGKILL') throw this.#failed(`expected a SIGKILL ${where}, got ${words(exit)}`, tailrace);
    this.#say(`tailrace killed with SIGKILL ${where}`);
  }

  /** Runs to the end of the load, catches up and stops gracefully. */
  async #lastRun(): Promise<void> {
    const tailrace = this.#start();
    const seconds = this.#options.seconds ?? DEFAULT_SECONDS;
    const until = Math.max(this.#started + seconds * 1_000, performance.now() + LAST_RUN_MS);
    await this.#until('the end of the load', () => tailrace.exit !== null || performance.now() >= until);
    const counts = await this.#load.stop();
    this.#say(`load stopped: ${countsText(counts)}`);
    const sentinel = await this.#writeSentinel();
    await this.#until('every sink has caught up', async () => {
      if (tailrace.exit !== null) throw this.#failed(`tailrace ended with ${words(tailrace.exit)}`, tailrace);
      return (await sentinelArrived(this.#environment, sentinel)) && caughtUp(await tailrace.status());
    });
    this.#say('every sink has caught up');
    const exit = await tailrace.stop();
    this.#tailrace = null;
    if (exit.code !== 0) throw this.#failed(`SIGTERM ended tailrace with ${words(exit)}`, tailrace);
    this.#say('tailrace stopped (SIGTERM, exit code 0)');
  }

  async #compare(): Promise<number> {
    const comparisons = await compareAll(this.#environment);
    this.#out.write(report(comparisons));
    const equal = comparisons.every(isEqual);
    const verdict = equal ? 'every store equals the shop' : 'NOT EQUAL: the shop and a store differ';
    this.#say(`${verdict} (seed ${this.#options.seed})`);
    return equal ? 0 : 4;
  }

  /** The last rows written: when they are everywhere, all before them are. */
  #writeSentinel(): Promise<number> {
    const id = 999_999_999;
    return withPostgres(this.#environment.shopUrl, async (client) => {
      await client.query('begin');
      await client.query(
        `insert into products (id, name, price, stock, published, description)
         values ($1, 'Last', 1, 1, true, repeat('end ', 3000))`,
        [id],
      );
      await client.query(
        "insert into customers (id, email, name, password_hash) values ($1, 'last@shop.example', 'Last', '')",
        [id],
      );
      await client.query("insert into orders (id, customer_id, status, total) values ($1, $1, 'new', 1)", [id]);
      await client.query('insert into order_items values ($1, 1, $1, 1, 1)', [id]);
      await client.query('commit');
      return id;
    });
  }

  #start(failpoint?: string): TailraceProcess {
    const { file, variables, httpPort } = this.#environment;
    const options = { file, variables, httpPort };
    this.#tailrace = new TailraceProcess(failpoint === undefined ? options : { ...options, failpoint });
    return this.#tailrace;
  }

  async #until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!(await condition())) {
      if (this.#loadError !== null) {
        throw new TailraceError('internal.bug', 'the load generator failed', { cause: this.#loadError.cause });
      }
      if (performance.now() > deadline) {
        throw this.#failed(`not reached within ${PATIENCE_MS / 1_000} s: ${what}`, this.#tailrace);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  #failed(message: string, tailrace: TailraceProcess | null): TailraceError {
    this.#out.write(`${tailrace?.lastLines.join('\n') ?? ''}\n`);
    return new TailraceError('demo.mismatch', message);
  }

  #say(text: string): void {
    this.#out.write(`${((performance.now() - this.#started) / 1_000).toFixed(1).padStart(5)} s  ${text}\n`);
  }
}

type Status = Awaited<ReturnType<TailraceProcess['status']>>;

function applied(tailrace: TailraceProcess, status: Status): number {
  if (tailrace.exit !== null) throw new TailraceError('demo.mismatch', `tailrace ended with ${words(tailrace.exit)}`);
  return status?.pipelines.flatMap(({ sinks }) => sinks).reduce((sum, { records }) => sum + records, 0) ?? 0;
}

function caughtUp(status: Status): boolean {
  const sinks = status?.pipelines.flatMap((pipeline) => pipeline.sinks) ?? [];
  return sinks.length > 0 && sinks.every(({ lagRecords, state }) => lagRecords === 0 && state === 'running');
}

function words({ code, signal }: Exit): string {
  return signal ?? `exit code ${code}`;
}

function countsText(counts: LoadCounts): string {
  const { transactions, inserts, updates, deletes, keyChanges, bulk, rollbacks, seconds } = counts;
  const rows = `${inserts} inserts, ${updates} updates, ${deletes} deletes, ${keyChanges} key changes`;
  return `${transactions} transactions in ${seconds.toFixed(0)} s (${rows}; ${bulk} of 200 rows and more, ${rollbacks} rolled back)`;
}
