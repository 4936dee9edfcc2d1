/** Positions and epoch of a sink: one document, which each writer changes only as long as no other has. */
import { type SinkOpenOptions, type SinkPositions, TailraceError } from '../../src/sdk/index.ts';
import { KnownPositions, resumeFrom, type StoredPosition } from '../../src/sdk/target/positions.ts';
import type { EsConnection } from './connection.ts';
import { ensureServiceIndex, StoredDocument } from './stored-document.ts';

export type OffsetOptions = Pick<SinkOpenOptions<unknown>, 'id' | 'generation' | 'lineage'>;

/** As it is stored. */
export interface SinkState {
  readonly kind: 'sink';
  readonly sink: string;
  readonly epoch: number;
  readonly positions: readonly StoredJson[];
  /** Uuid of each index when it was first written: an index that was made anew lacks rows. */
  readonly indices: Readonly<Record<string, string>>;
}

interface StoredJson {
  readonly topic: string;
  readonly partition: number;
  /** Decimal. */
  readonly next: string;
  readonly lineage: string;
  readonly generation: number;
}

const never = new AbortController().signal;

export class TargetOffsets {
  readonly #connection: EsConnection;
  readonly #options: OffsetOptions;
  readonly #document: StoredDocument<SinkState>;
  #state: SinkState;
  #known = new KnownPositions();
  #began = false;

  constructor(connection: EsConnection, options: OffsetOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#document = new StoredDocument(connection, `sink/${options.id}`);
    this.#state = { kind: 'sink', sink: options.id, epoch: 0, positions: [], indices: {} };
  }

  /** Positions to resume from; throws `sink.other_log`. Changes nothing. */
  async load(): Promise<SinkPositions | null> {
    const state = await this.#document.read(never);
    if (state !== null) this.#state = state;
    const stored = storedIn(this.#state);
    this.#known = new KnownPositions(stored, this.#options.generation);
    return resumeFrom(stored, this.#options);
  }

  /** True when `next` says something that the target does not hold. */
  moved(next: SinkPositions): boolean {
    return this.#known.changed(next).length > 0;
  }

  /** Uuid that the index had when this sink first wrote to it. */
  uuidOf(index: string): string | undefined {
    return this.#state.indices[index];
  }

  /**
   * Before the rows of a write: makes sure that no other writer took over; the first time takes over itself. `start` and the
   * uuids are stored where they are new, so that no row stands in the target before lineage and position.
   */
  async begin(epoch: number, start: SinkPositions, signal: AbortSignal): Promise<void> {
    const absent = this.#known.absent(start);
    if (!this.#began) {
      if (this.#state.epoch > epoch) throw this.#fenced();
      await ensureServiceIndex(this.#connection, signal);
      await this.#write({ ...this.#state, epoch, positions: this.#with(absent) }, signal);
      this.#began = true;
    } else if (absent.length > 0) await this.#write({ ...this.#state, positions: this.#with(absent) }, signal);
    else if (!(await this.#document.isOurs(signal))) await this.#explain(epoch, signal);
    this.#known.remember(absent);
  }

  async rememberIndex(index: string, uuid: string, signal: AbortSignal): Promise<void> {
    if (this.#state.indices[index] === uuid) return;
    await this.#write({ ...this.#state, indices: { ...this.#state.indices, [index]: uuid } }, signal);
  }

  /** Writes what changed. */
  async save(next: SinkPositions, signal: AbortSignal): Promise<void> {
    const changed = this.#known.changed(next);
    if (changed.length === 0) return;
    await this.#write({ ...this.#state, positions: this.#with(changed) }, signal);
    this.#known.remember(changed);
  }

  #with(positions: SinkPositions): readonly StoredJson[] {
    const { lineage, generation } = this.#options;
    const replaced = (old: StoredJson) => positions.some((p) => p.topic === old.topic && p.partition === old.partition);
    const added = positions.map(({ topic, partition, next }) => {
      return { topic, partition, next: String(next), lineage: lineage.current, generation };
    });
    return [...this.#state.positions.filter((old) => !replaced(old)), ...added];
  }

  async #write(state: SinkState, signal: AbortSignal): Promise<void> {
    if (!(await this.#document.write(state, signal))) await this.#explain(state.epoch, signal);
    this.#state = state;
  }

  /** Somebody else wrote: a newer instance, or one that came in between; or the document is gone. */
  async #explain(epoch: number, signal: AbortSignal): Promise<never> {
    if (((await this.#document.read(signal))?.epoch ?? 0) > epoch) throw this.#fenced();
    const message = `the positions of ${this.#options.id} in the target moved since they were read`;
    throw new TailraceError('sink.unreachable', message);
  }

  #fenced(): TailraceError {
    return new TailraceError('sink.fenced', `a newer instance writes to the target of ${this.#options.id}`, {
      remedy: 'stop one of the two instances',
    });
  }
}

function storedIn({ positions, epoch }: SinkState): readonly StoredPosition[] {
  return positions.map((position) => ({ ...position, next: BigInt(position.next), epoch }));
}
