/** Positions and epoch of a sink, in the keyspace of its rows: what a server loses of them it loses of the rows as well. */
import type { SinkOpenOptions, SinkPositions } from '../../src/sdk/index.ts';
import { KnownPositions, resumeFrom, type StoredPosition } from '../../src/sdk/target/positions.ts';
import type { RedisConnection } from './connection.ts';
import { FENCE, SAVE, sinkKey } from './scripts.ts';

export type OffsetOptions = Pick<SinkOpenOptions<unknown>, 'id' | 'generation' | 'lineage'>;

const never = new AbortController().signal;

export class TargetOffsets {
  readonly #connection: RedisConnection;
  readonly #options: OffsetOptions;
  readonly #key: string;
  #known = new KnownPositions();
  #writer: string | null = null;

  constructor(connection: RedisConnection, options: OffsetOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#key = sinkKey(options.id);
  }

  get key(): string {
    return this.#key;
  }

  /** Who writes, as the scripts compare it: epoch and the log's opening. */
  get writer(): string {
    return this.#writer!;
  }

  /** Positions to resume from; throws `sink.other_log`. Changes nothing. */
  async load(): Promise<SinkPositions | null> {
    const stored = storedIn((await this.#connection.call(never, 'HGETALL', this.#key)) as string[]);
    this.#known = new KnownPositions(stored, this.#options.generation);
    return resumeFrom(stored, this.#options);
  }

  /** True when `next` says something that the target does not hold. */
  moved(next: SinkPositions): boolean {
    return this.#known.changed(next).length > 0;
  }

  /**
   * Before the first write: refuses an older epoch than the last writer's, and locks older writers out. Then, and whenever a
   * partition is new, `start` is stored, so that no row stands in the target before lineage and position.
   */
  async begin(epoch: number, start: SinkPositions, signal: AbortSignal): Promise<void> {
    if (this.#writer === null) await this.#takeOver(epoch, signal);
    const absent = this.#known.absent(start);
    if (absent.length > 0) await this.save(absent, signal);
  }

  /** Writes what changed. */
  async save(next: SinkPositions, signal: AbortSignal): Promise<void> {
    const changed = this.#known.changed(next);
    if (changed.length === 0) return;
    const { lineage, generation } = this.#options;
    const fields = changed.flatMap(({ topic, partition, next: offset }) => [
      `${topic}/${partition}`,
      JSON.stringify({ next: String(offset), lineage: lineage.current, generation }),
    ]);
    await this.#connection.run(signal, SAVE, [this.#key], [this.writer, ...fields]);
    this.#known.remember(changed);
  }

  async #takeOver(epoch: number, signal: AbortSignal): Promise<void> {
    const { id, lineage } = this.#options;
    const writer = `${epoch}:${lineage.current}`;
    const stored = storedIn((await this.#connection.run(signal, FENCE, [this.#key], [writer])) as string[]);
    this.#known.verify(stored, id);
    this.#writer = writer;
  }
}

function storedIn(hash: readonly string[]): readonly StoredPosition[] {
  const fields = new Map<string, string>();
  for (let i = 0; i < hash.length; i += 2) fields.set(hash[i]!, hash[i + 1]!);
  const epoch = Number(fields.get('writer')?.split(':')[0] ?? 0);
  fields.delete('writer');
  return [...fields].map(([name, text]) => {
    const { next, lineage, generation } = JSON.parse(text) as { next: string; lineage: string; generation: number };
    const slash = name.lastIndexOf('/');
    const place = { topic: name.slice(0, slash), partition: Number(name.slice(slash + 1)) };
    return { ...place, next: BigInt(next), lineage, generation, epoch };
  });
}
