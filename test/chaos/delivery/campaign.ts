/** Cycles of faults while the bank is at work, then a comparison of every target with the source. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type PostgresServer, startPostgres } from '../../../demo/servers/postgres.ts';
import { Random } from '../../../demo/shop/random.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { LossyProxy } from '../../support/lossy-proxy.ts';
import { Bank, SCHEMA, TABLES } from './bank.ts';
import { History, type Verdict } from './history.ts';
import type { Mutation } from './instance-child.ts';
import { Tailrace } from './tailrace.ts';
import { FileTarget, PostgresTarget, SqliteTarget, type Target } from './targets.ts';

const PATIENCE_MS = 60_000;
const LOOK_MS = 15;

export interface CampaignOptions {
  readonly cycles: number;
  readonly seed: number;
  /** Null: nothing is spoilt. */
  readonly mutation?: Mutation | null;
  /** Names of `FAULTS`; default: all. */
  readonly faults?: readonly Fault[];
  readonly say?: (line: string) => void;
}

export const FAULTS = [
  'kill',
  'power loss',
  'pause',
  'lost answer of the source',
  'lost answer of the target',
  'restart of the source',
  'restart of the target',
] as const;
export type Fault = (typeof FAULTS)[number];

export interface CampaignResult extends Verdict {
  readonly cycles: number;
  readonly transfers: number;
  readonly looks: number;
  /** How often each really happened. */
  readonly fired: Readonly<Record<string, number>>;
}

interface Scene {
  readonly source: PostgresServer;
  readonly target: PostgresServer;
  readonly toSource: LossyProxy;
  readonly toTarget: LossyProxy;
  readonly targets: readonly Target[];
  readonly tailrace: Tailrace;
  readonly bank: Bank;
  readonly random: Random;
  close(): Promise<void>;
}

export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const scene = await prepare(options);
  try {
    return await new Campaign(scene, options).run();
  } finally {
    await scene.close();
  }
}

async function prepare({ seed, mutation = null }: CampaignOptions): Promise<Scene> {
  const dir = await mkdtemp(join(tmpdir(), 'tailrace-chaos-'));
  const random = new Random(seed);
  const [source, target] = await Promise.all([startPostgres(), startPostgres()]);
  const url = await source.createDatabase('bank');
  const targetUrl = await target.createDatabase('bank');
  const booksUrl = await target.createDatabase('books');
  const client = new pg.Client(url);
  await client.connect();
  await client.query(SCHEMA);
  await client.end();
  const [toSource, toTarget] = await Promise.all([LossyProxy.start(source.port), LossyProxy.start(target.port)]);
  const targets: readonly Target[] = [
    new PostgresTarget('database', through(targetUrl, toTarget), targetUrl, false),
    new PostgresTarget('books', through(booksUrl, toTarget), booksUrl, true),
    new SqliteTarget(join(dir, 'copy.db')),
    new FileTarget(join(dir, 'lines.jsonl')),
  ];
  const tailrace = new Tailrace({
    dir: join(dir, 'data'),
    journal: join(dir, 'journal'),
    sourceUrl: through(url, toSource),
    tables: TABLES,
    sinks: targets.map(({ name, type, config, isTransactional }) => ({
      name,
      type,
      config,
      consistency: isTransactional ? 'transactional' : 'eventual',
    })),
    mutation,
  });
  const bank = new Bank(url, new Random(seed, 1));
  const close = async () => {
    await Promise.all([bank.stop(), tailrace.kill()]);
    for (const target of targets) if (target instanceof PostgresTarget) await target.close();
    await Promise.all([toSource.close(), toTarget.close(), source.stop(), target.stop()]);
    await rm(dir, { recursive: true, force: true });
  };
  return { source, target, toSource, toTarget, targets, tailrace, bank, random, close };
}

function through(url: string, { port }: LossyProxy): string {
  return Object.assign(new URL(url), { port: String(port) }).href;
}

class Campaign {
  readonly #scene: Scene;
  readonly #options: CampaignOptions;
  readonly #history: History;
  readonly #fired: Record<string, number> = Object.fromEntries(FAULTS.map((fault) => [fault, 0]));
  #mark = 0;
  /** Each fault once, in random order, before any comes again. */
  #bag: Fault[] = [];

  constructor(scene: Scene, options: CampaignOptions) {
    this.#scene = scene;
    this.#options = options;
    const transactional = scene.targets.filter(({ isTransactional }) => isTransactional);
    this.#history = new History(transactional.map(({ name }) => name));
  }

  async run(): Promise<CampaignResult> {
    const { bank, tailrace } = this.#scene;
    const { cycles, say = () => {} } = this.#options;
    tailrace.start();
    bank.start();
    let done = 0;
    if (await this.#delivered()) {
      this.#history.isWhole = true;
      for (; done < cycles; done++) {
        const fault = await this.#cycle();
        if (!(await this.#delivered())) break;
        say(`cycle ${done + 1}: ${fault}`);
      }
    }
    await bank.stop();
    if (await this.#delivered()) await this.#compare();
    const { looks, verdict } = this.#history;
    return { ...verdict, cycles: done, transfers: bank.transfers, looks, fired: this.#fired };
  }

  async #cycle(): Promise<Fault> {
    const { random } = this.#scene;
    if (this.#bag.length === 0) this.#bag = [...(this.#options.faults ?? FAULTS)];
    const [fault] = this.#bag.splice(random.between(0, this.#bag.length - 1), 1) as [Fault];
    await systemClock.sleep(random.between(0, 150));
    if (await this.#inject(fault)) this.#fired[fault]!++;
    return fault;
  }

  /** False when nothing came of it. */
  async #inject(fault: Fault): Promise<boolean> {
    const { tailrace, toSource, toTarget, source, target, random } = this.#scene;
    switch (fault) {
      case 'kill': {
        const wasAlive = await tailrace.kill();
        tailrace.start();
        return wasAlive;
      }
      case 'power loss': {
        const undone = await tailrace.losePower(() => random.unit());
        tailrace.start();
        return undone > 0;
      }
      case 'pause': {
        const isPaused = tailrace.pause();
        await systemClock.sleep(random.between(50, 300));
        tailrace.resume();
        return isPaused;
      }
      case 'lost answer of the source':
        return this.#lose(toSource);
      case 'lost answer of the target':
        return this.#lose(toTarget);
      case 'restart of the source':
        return this.#restart(source);
      case 'restart of the target':
        return this.#restart(target);
    }
  }

  async #lose(proxy: LossyProxy): Promise<boolean> {
    const before = proxy.lost;
    proxy.loseAnswer(this.#scene.random.between(1, 40));
    return this.#until(async () => proxy.lost > before, 2_000);
  }

  async #restart(server: PostgresServer): Promise<boolean> {
    await server.kill();
    await server.restart();
    return true;
  }

  /** Until every target shows a change that is made now. Looks at them meanwhile, as others would. */
  async #delivered(): Promise<boolean> {
    const { bank, targets, tailrace } = this.#scene;
    const mark = ++this.#mark;
    await bank.mark(mark);
    const late = new Set(targets);
    const isDone = await this.#until(async () => {
      for (const target of late) {
        const seen = await target.look();
        if (seen === null) continue;
        this.#history.look(target.name, seen);
        if (seen.mark >= mark) late.delete(target);
      }
      return late.size === 0 || tailrace.problem !== null;
    }, PATIENCE_MS);
    if (isDone && late.size === 0) return true;
    const names = [...late].map(({ name }) => name).join(', ');
    this.#history.stuck(tailrace.problem ?? `${names} did not get what was committed within ${PATIENCE_MS / 1_000} s`);
    return false;
  }

  async #compare(): Promise<void> {
    const source = await this.#scene.bank.rows();
    for (const target of this.#scene.targets) {
      this.#history.compare(source, (await target.look())!, target.doubled?.() ?? 0);
    }
  }

  async #until(condition: () => Promise<boolean>, ms: number): Promise<boolean> {
    for (const end = performance.now() + ms; performance.now() < end; await systemClock.sleep(LOOK_MS)) {
      if (await condition()) return true;
    }
    return false;
  }
}

/** For people. */
export function resultText(result: CampaignResult): string {
  const { cycles, transfers, looks, fired, lost, doubled, torn, wentBack, stuck } = result;
  const faults = Object.entries(fired).map(([fault, count]) => `  ${String(count).padStart(6)}  ${fault}`);
  return [
    `${cycles} cycles, ${transfers} transfers, ${looks} states looked at; faults that really fired:`,
    ...faults,
    `lost ${lost}, doubled ${doubled}, torn ${torn}, went back ${wentBack.length === 0 ? 0 : wentBack.slice(0, 5).join(', ')}${stuck.length > 0 ? `, stuck: ${stuck.join('; ')}` : ''}`,
  ].join('\n');
}
