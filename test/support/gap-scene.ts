/** A source with a target that can be stopped and started again, to lose history under it and to see what it says. */
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { onTestFinished } from 'vitest';
import type { SourceConfig } from '../../connectors/postgres/config.ts';
import { source } from '../../connectors/postgres/index.ts';
import { sink } from '../../connectors/sqlite/index.ts';
import type { SourceStatus } from '../../src/contracts/control.ts';
import type { SourcePlan } from '../../src/contracts/plan.ts';
import type { Scene } from './postgres-source.ts';
import { until } from './project.ts';
import { type VerificationScene, verificationScene } from './verification-scene.ts';

export interface Change extends Partial<SourcePlan> {
  /** Of the source's configuration. */
  readonly set?: Record<string, unknown>;
}

export class GapScene {
  readonly made: Scene;
  readonly tables: readonly string[];
  /** Names of slot and publication, unless the configuration says otherwise. */
  readonly slot: string;
  /** Superuser, where the source reads. */
  client: pg.Client;
  readonly #dir: string;
  #set: Record<string, unknown>;
  #running: VerificationScene | null = null;

  private constructor(made: Scene, tables: readonly string[], dir: string, set: Record<string, unknown>) {
    this.made = made;
    this.client = made.client;
    this.tables = tables;
    this.#dir = dir;
    this.#set = set;
    this.slot = `tailrace_${made.options.name}_p`;
  }

  static async make(made: Scene, tables: readonly string[], set: Record<string, unknown>): Promise<GapScene> {
    const dir = await mkdtemp(join(tmpdir(), 'tailrace-gap-'));
    onTestFinished(() => rm(dir, { recursive: true, force: true }));
    await mkdir(join(dir, 'now'));
    return new GapScene(made, tables, dir, set);
  }

  async start({ set = {}, ...more }: Change = {}): Promise<void> {
    this.#set = { ...this.#set, ...set };
    const config = source.config.parse({ url: this.made.url, ...this.#set }) as SourceConfig;
    const target = { name: 'copy', manifest: sink, config: { path: join(this.#dir, 'now', 'copy.db') } };
    const how = { dir: join(this.#dir, 'now', 'data'), instance: this.made.options.name };
    this.#running = await verificationScene(config.url, this.tables, [target], { config, ...more }, how);
  }

  async stop(): Promise<void> {
    await this.#running?.close();
    this.#running = null;
  }

  /** Stopped meanwhile: log and target as they are, which the returned function puts back. */
  async keepData(): Promise<() => Promise<void>> {
    const [data, kept] = [join(this.#dir, 'now'), join(this.#dir, 'kept')];
    await cp(data, kept, { recursive: true });
    return async () => {
      await rm(data, { recursive: true });
      await cp(kept, data, { recursive: true });
    };
  }

  /** To a server that has taken the other's place. */
  moveTo(url: string, client: pg.Client): void {
    this.#set = { ...this.#set, url };
    this.client = client;
  }

  status(): SourceStatus {
    return this.#running!.instance.status().pipelines[0]!.sources[0]!;
  }

  async caughtUp(): Promise<void> {
    await this.#running!.caughtUp();
  }

  /** Resolves to how long it took, in ms; fails when it takes longer than that. */
  async untilState(state: SourceStatus['state'], patienceMs: number): Promise<number> {
    const began = performance.now();
    await until(`the source is in ${state}`, async () => this.status().state === state, undefined, patienceMs).catch(
      (error) => {
        throw new Error(`${error.message} ${JSON.stringify(this.status())}`);
      },
    );
    return performance.now() - began;
  }

  /** Rows of the target that are not those of the source; what is on its way is waited for. */
  async differences(): Promise<unknown> {
    const [compared] = await this.#running!.verify();
    return compared === undefined ? null : { problem: compared.problem, ...compared.counts };
  }

  /** Whoever reads it. */
  async dropSlot(): Promise<void> {
    const ours = `from pg_replication_slots where slot_name = '${this.slot}'`;
    const isDropped = async () => {
      await this.client.query(`select pg_terminate_backend(active_pid) ${ours} and active`);
      return this.client.query(`select pg_drop_replication_slot(slot_name) ${ours}`).then(
        ({ rowCount }) => rowCount === 1,
        () => false,
      );
    };
    while (!(await isDropped()));
  }
}
