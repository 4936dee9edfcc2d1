/** Looks now and then for new tables that a pattern under `tables:` stands for, and has them captured. */
import type { PipelinePlan } from '../contracts/plan.ts';
import type { ConnectorContext } from '../contracts/plugin.ts';
import type { FoundTable } from '../contracts/source.ts';
import type { TableDirectory } from './table-directory.ts';

const PERIOD_MS = 2_000;

export interface WatchedPipelines {
  readonly plans: readonly PipelinePlan[];
  /** Of a source at work that can be asked; null otherwise. */
  tablesOf(source: string): Promise<readonly FoundTable[]> | null;
  /** Runs these pipelines from now on. */
  reload(pipelines: readonly PipelinePlan[]): Promise<unknown>;
}

/** Resolves when the signal aborts. */
export async function watchTables(
  running: WatchedPipelines,
  directory: TableDirectory,
  { clock, log }: ConnectorContext,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await clock.sleep(PERIOD_MS, signal).catch(() => {});
    if (signal.aborted) return;
    try {
      await look(running, directory, log);
    } catch (error) {
      const { message, remedy } = error as { message: string; remedy?: string };
      log('warn', `new tables cannot be captured: ${message}`, { remedy });
    }
  }
}

async function look(running: WatchedPipelines, directory: TableDirectory, log: ConnectorContext['log']): Promise<void> {
  const before = running.plans.flatMap(({ sources }) => sources);
  for (const plan of before) {
    if (plan.declared === undefined) continue;
    // One that does not answer is the source's to report.
    const found = await running.tablesOf(plan.name)?.catch(() => null);
    if (found != null) await directory.add(plan, found);
  }
  const after = directory.apply(running.plans);
  const sources = after.flatMap((pipeline) => pipeline.sources);
  const added = sources.flatMap(({ name, tables }, i) => {
    const more = tables.filter((table) => !before[i]!.tables.includes(table));
    return more.length === 0 ? [] : [{ name, more }];
  });
  if (added.length === 0) return;
  for (const { name, more } of added) log('info', `takes ${more.join(', ')} too`, { source: name });
  await running.reload(after);
}
