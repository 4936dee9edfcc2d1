/**
 * Taking over a target that another log has fed (DESIGN § 6, Lineage). Its rows may have versions that this log has not reached:
 * the sources' clocks are set above them, every table is read once more, and the end of that sweeps what is older.
 *
 * Broken off anywhere it changes nothing for the worse: the sink stays in its gap until the reading is durably on its way.
 */
import { TailraceError } from '../contracts/errors.ts';
import type { Log } from '../contracts/log.ts';
import type { ConnectorContext } from '../contracts/plugin.ts';
import type { HeldState } from '../contracts/rebuild.ts';
import type { Adopted } from '../contracts/replay.ts';
import { generationCheckpoint, groupBeganCheckpoint, groupCheckpoint, sourceCheckpoint } from './checkpoint-names.ts';
import { serviceCommit } from './service-commit.ts';
import type { ControlledSink, ControlledSinks } from './sink-control.ts';
import { sinkTakes } from './sink-tables.ts';
import type { SourceCheckpoint } from './source-output.ts';

/** Versions are µs since 1970 × 256. */
const PER_MS = 256_000n;
const DAY_MS = 86_400_000;
/** A source that was started anew needs a moment until it takes commands. */
const PATIENCE_MS = 60_000;
const STEP_MS = 100;

export interface AdoptionOptions {
  readonly log: Log;
  readonly context: ConnectorContext;
  readonly running: ControlledSinks;
}

export async function adopt(options: AdoptionOptions, sink: ControlledSink): Promise<Adopted> {
  const { running } = options;
  const name = `${sink.pipeline.name}/${sink.plan.name}`;
  const problem = sink.task.status().problem;
  if (problem?.code !== 'sink.other_log') {
    throw refused(
      `${name} does not stand before a target of another log`,
      'tailrace status tells the state of every sink',
    );
  }
  const held = await heldState(options, sink, name);
  await running.whileStopped(running.sources(sink.pipeline.name), () => raiseClocks(options, sink, held));
  const tables: string[] = [];
  for (const source of sink.pipeline.sources) {
    const own = source.tables.filter((table) => sinkTakes(sink.plan, table));
    if (own.length > 0) await readAgain(options, source.name, own);
    tables.push(...own);
  }
  await running.whileStopped([sink.task], () => startOver(options, sink, held));
  return { held: held.version === null ? null : String(held.version), tables };
}

async function heldState({ log, context }: AdoptionOptions, sink: ControlledSink, name: string): Promise<HeldState> {
  const { manifest, config } = sink.plan;
  const remedy = `tailrace rebuild ${name} makes another target of the log, or empty this one`;
  if (manifest.held === undefined)
    throw refused(`a target of type ${manifest.type} does not tell what it holds`, remedy);
  const id = `${sink.pipeline.name}.${sink.plan.name}`;
  const rest = { id, pipeline: sink.pipeline.name, generation: 0, lineage: log.lineage, maxBytes: 1 << 20, context };
  const held = await manifest.held({ config, ...rest });
  // Versions of a clock that runs far ahead would push every later one ahead too.
  const limit = BigInt(context.clock.now() + DAY_MS) * PER_MS;
  if (held.version !== null && held.version > limit) {
    throw refused(`the target of ${name} holds versions more than a day ahead of this machine's clock`, remedy);
  }
  return held;
}

/** Invariant 7: what is read from now on is newer than everything in the target. */
async function raiseClocks({ log }: AdoptionOptions, { pipeline }: ControlledSink, held: HeldState): Promise<void> {
  for (const { name } of pipeline.sources) {
    const saved = log.checkpoints.get(sourceCheckpoint(name));
    if (saved === undefined) throw refused(`source ${name} has read nothing yet`, 'wait until it streams');
    const checkpoint = JSON.parse(saved) as SourceCheckpoint;
    if (held.version === null || BigInt(checkpoint.version) >= held.version) continue;
    const raised: SourceCheckpoint = { ...checkpoint, version: String(held.version) };
    await serviceCommit(log, sourceCheckpoint(name), (transaction) =>
      transaction.checkpoint(sourceCheckpoint(name), JSON.stringify(raised)),
    );
  }
}

async function readAgain({ context, running }: AdoptionOptions, source: string, tables: string[]): Promise<void> {
  const { clock } = context;
  for (const end = clock.monotonic() + PATIENCE_MS; ; await clock.sleep(STEP_MS)) {
    try {
      await running.snapshots(source, { do: 'start', tables });
      return;
    } catch (error) {
      const mayCome = error instanceof TailraceError && error.code === 'source.not_ready';
      if (!mayCome || clock.monotonic() > end) throw error;
    }
  }
}

async function startOver({ log }: AdoptionOptions, { task }: ControlledSink, held: HeldState): Promise<void> {
  const { group } = task;
  while ((await log.fence(group)) < held.epoch);
  const generation = Number(log.checkpoints.get(generationCheckpoint(group)) ?? 0);
  await serviceCommit(log, group, (transaction) => {
    transaction.checkpoint(generationCheckpoint(group), String(Math.max(generation, held.generation) + 1));
    for (const { topic, partition } of task.positions) {
      const info = log.topics.get(topic)?.partitions[partition];
      transaction.checkpoint(groupCheckpoint(group, topic, partition), String(info?.startOffset ?? 0n));
      // Deletes that compaction has removed are made up for by the sweep.
      transaction.checkpoint(groupBeganCheckpoint(group, topic, partition), String(info?.endOffset ?? 0n));
    }
  });
}

function refused(message: string, remedy: string): TailraceError {
  return new TailraceError('adopt.refused', message, { remedy });
}
