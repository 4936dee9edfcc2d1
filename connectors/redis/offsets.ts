/**
 * Positions and epoch of a sink in one group, in the keyspace of the group's rows: what a server loses of them it loses of the
 * rows as well.
 */
import type { SinkOpenOptions, SinkPositions, SinkRecord } from '../../src/sdk/index.ts';
import { KnownPositions, resumeFrom, type StoredPosition } from '../../src/sdk/target/positions.ts';
import type { RedisConnection } from './connection.ts';
import { sinkKey } from './names.ts';
import { FENCE, SAVE } from './scripts.ts';

export type OffsetOptions = Pick<SinkOpenOptions<unknown>, 'id' | 'generation' | 'lineage'>;

const never = new AbortController().signal;
const APPENDED = 'appended:';

export class TargetOffsets {
  readonly #connection: RedisConnection;
  readonly #options: OffsetOptions;
  readonly #key: string;
  #known = new KnownPositions();
  /** Last record of which a stream has the entry, per topic-partition. */
  #appended = new Map<string, bigint>();
  #writer: string | null = null;

  /** @param tag hash tag of the group; empty outside of a cluster */
  constructor(connection: RedisConnection, tag: string, options: OffsetOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#key = sinkKey(tag, options.id);
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

  /** False when a stream has the entry of this record: it was appended, and the answer or the position after it was lost. */
  isNew({ topic, partition, offset }: SinkRecord): boolean {
    return offset > (this.#appended.get(`${topic}/${partition}`) ?? -1n);
  }

  /** The field of the sink's hash, and its value, that say that a stream has the entry of this record. */
  mark({ topic, partition, offset }: SinkRecord): readonly [field: string, value: string] {
    const { lineage, generation } = this.#options;
    return [`${APPENDED}${topic}/${partition}`, `${generation}:${lineage.current}:${offset}`];
  }

  async #takeOver(epoch: number, signal: AbortSignal): Promise<void> {
    const { id, lineage } = this.#options;
    const writer = `${epoch}:${lineage.current}`;
    const held = (await this.#connection.run(signal, FENCE, [this.#key], [writer])) as string[];
    this.#known.verify(storedIn(held), id);
    this.#appended = this.#marksIn(held);
    this.#writer = writer;
  }

  /** A replay appends again; a mark of another log says nothing. */
  #marksIn(held: readonly string[]): Map<string, bigint> {
    const marks = new Map<string, bigint>();
    for (const [name, value] of fieldsOf(held)) {
      if (!name.startsWith(APPENDED)) continue;
      const place = name.slice(APPENDED.length);
      const slash = place.lastIndexOf('/');
      const [generation, id, offset] = value.split(':') as [string, string, string];
      const covered = this.#options.lineage.covers(
        id,
        place.slice(0, slash),
        Number(place.slice(slash + 1)),
        BigInt(offset) + 1n,
      );
      if (Number(generation) === this.#options.generation && covered) marks.set(place, BigInt(offset));
    }
    return marks;
  }
}

function fieldsOf(hash: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (let i = 0; i < hash.length; i += 2) fields.set(hash[i]!, hash[i + 1]!);
  return fields;
}

function storedIn(hash: readonly string[]): readonly StoredPosition[] {
  const fields = fieldsOf(hash);
  const epoch = Number(fields.get('writer')?.split(':')[0] ?? 0);
  fields.delete('writer');
  for (const name of fields.keys()) if (name.startsWith(APPENDED)) fields.delete(name);
  return [...fields].map(([name, text]) => {
    const { next, lineage, generation } = JSON.parse(text) as { next: string; lineage: string; generation: number };
    const slash = name.lastIndexOf('/');
    const place = { topic: name.slice(0, slash), partition: Number(name.slice(slash + 1)) };
    return { ...place, next: BigInt(next), lineage, generation, epoch };
  });
}
