/**
 * What patterns under `tables:` stand for: the tables that the sources have. A table that is gone stays in it while the process
 * runs: what the source still has of its changes is to be read.
 */
import { classOf } from '../contracts/errors.ts';
import type { Log } from '../contracts/log.ts';
import type { PipelinePlan, SourcePlan } from '../contracts/plan.ts';
import type { ConnectorContext } from '../contracts/plugin.ts';
import type { FoundTable } from '../contracts/source.ts';
import { isPattern, matchesName } from '../lib/name-pattern.ts';
import { tablesCheckpoint } from './checkpoint-names.ts';

export interface TableDirectoryOptions {
  /** Of `tailrace.yaml`. */
  readonly instance: string;
  readonly context: ConnectorContext;
  /** Remembers what was found, for a start without the source. Absent: nothing is remembered. */
  readonly log?: Log;
}

export class TableDirectory {
  readonly #options: TableDirectoryOptions;
  /** By source. */
  readonly #found = new Map<string, ReadonlySet<string>>();
  readonly #told = new Set<string>();

  constructor(options: TableDirectoryOptions) {
    this.#options = options;
  }

  /** The pipelines with the tables that are known. */
  apply(pipelines: readonly PipelinePlan[]): PipelinePlan[] {
    return pipelines.map((pipeline) => ({ ...pipeline, sources: pipeline.sources.map((plan) => this.#applied(plan)) }));
  }

  #applied(plan: SourcePlan): SourcePlan {
    const declared = declaredTables(plan);
    if (!declared.some(isPattern)) return plan;
    const exact = declared.filter((name) => !isPattern(name));
    const found = [...(this.#found.get(plan.name) ?? [])].filter((name) => matchesSome(declared, name));
    return { ...plan, declared, tables: [...new Set([...exact, ...found])] };
  }

  /**
   * Asks the sources whose tables stand under patterns. One that cannot be reached has the tables that were last found; throws
   * what else they throw.
   */
  async refresh(pipelines: readonly PipelinePlan[]): Promise<void> {
    for (const plan of pipelines.flatMap(({ sources }) => sources)) {
      if (!declaredTables(plan).some(isPattern)) continue;
      try {
        await this.#set(plan, await this.ask(plan), new Set());
      } catch (error) {
        if (classOf(error) !== 'retry' || this.#options.log === undefined) throw error;
        if (!this.#found.has(plan.name)) this.#found.set(plan.name, new Set(this.#remembered(plan.name)));
      }
    }
  }

  async ask({ manifest, config, name, snapshot }: SourcePlan): Promise<readonly FoundTable[]> {
    const { instance, context } = this.#options;
    return (await manifest.tables?.({ config, name, instance, tables: [], snapshot, context })) ?? [];
  }

  /** Takes in what a source has by now. */
  async add(plan: SourcePlan, found: readonly FoundTable[]): Promise<void> {
    await this.#set(plan, found, this.#found.get(plan.name) ?? new Set());
  }

  async #set(plan: SourcePlan, found: readonly FoundTable[], known: ReadonlySet<string>): Promise<void> {
    const names = new Set(known);
    const matched = found.filter(({ name }) => matchesSome(declaredTables(plan), name));
    for (const { name, unfit } of matched) {
      if (unfit === null) names.add(name);
      else if (!names.has(name)) this.#tell(plan, unfit);
    }
    const before = this.#found.get(plan.name);
    this.#found.set(plan.name, names);
    if (before === undefined || [...names].some((name) => !before.has(name))) await this.#remember(plan.name, names);
  }

  #tell({ name }: SourcePlan, { message, remedy }: NonNullable<FoundTable['unfit']>): void {
    const text = `not captured: ${message}`;
    if (this.#told.has(`${name} ${text}`)) return;
    this.#told.add(`${name} ${text}`);
    this.#options.context.log('warn', text, { source: name, remedy });
  }

  #remembered(source: string): readonly string[] {
    const stored = this.#options.log?.checkpoints.get(tablesCheckpoint(source));
    return stored === undefined ? [] : (JSON.parse(stored) as string[]);
  }

  async #remember(source: string, names: ReadonlySet<string>): Promise<void> {
    const { log } = this.#options;
    if (log === undefined) return;
    const name = tablesCheckpoint(source);
    const transaction = log.begin(name, await log.fence(name));
    transaction.checkpoint(name, JSON.stringify([...names]));
    await transaction.commit();
  }
}

/** As they stand in the file. */
export const declaredTables = ({ declared, tables }: SourcePlan): readonly string[] => declared ?? tables;

/** Tables that only a pattern names. Absent: none. */
export function looseTables({ declared, tables }: SourcePlan): { readonly loose?: readonly string[] } {
  return declared === undefined ? {} : { loose: tables.filter((name) => !declared.includes(name)) };
}

const matchesSome = (declared: readonly string[], name: string) =>
  declared.some((pattern) => isPattern(pattern) && matchesName(pattern, name));
