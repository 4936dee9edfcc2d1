/** What the target knows of the log: positions, and who may write. Both stand there before the first row does. */
import {
  KnownPositions,
  resumeFrom,
  type SinkOpenOptions,
  type SinkPositions,
  type StoredPosition,
  TailraceError,
} from 'tailrace/sdk';
import { base64, type EtcdClient, textOf } from './client.ts';
import type { Compare, KeyValue, RequestOp } from './messages.ts';
import { positionPrefix, prefixEnd, writerKey } from './names.ts';

type Options = Pick<SinkOpenOptions<unknown>, 'id' | 'generation' | 'lineage'>;

interface Stored {
  readonly positions: readonly StoredPosition[];
  readonly writer: KeyValue | undefined;
  /** Of the reading. */
  readonly revision: bigint;
}

export class Positions {
  readonly #client: EtcdClient;
  readonly #options: Options;
  #known = new KnownPositions();
  #writer: string | null = null;

  constructor(client: EtcdClient, options: Options) {
    this.#client = client;
    this.#options = options;
  }

  /** Where to resume; throws `sink.other_log`. Changes nothing. */
  async load(signal: AbortSignal): Promise<SinkPositions | null> {
    const { positions } = await this.#stored(signal);
    this.#known = new KnownPositions(positions, this.#options.generation);
    return resumeFrom(positions, this.#options);
  }

  /** Those that the target does not hold. */
  changed(next: SinkPositions): SinkPositions {
    return this.#known.changed(next);
  }

  /**
   * Before each write: locks older writers out, refuses to be one, and stores where reading begins of partitions that are new to
   * the target, so that no row stands there before the name of the log that it came from.
   */
  async begin(epoch: number, start: SinkPositions, signal: AbortSignal): Promise<void> {
    const absent = this.#known.absent(start);
    if (this.#writer === null) await this.#takeOver(epoch, absent, signal);
    else if (absent.length > 0) await this.save(absent, signal);
  }

  /** Writes what changed. */
  async save(next: SinkPositions, signal: AbortSignal): Promise<void> {
    const changed = this.#known.changed(next);
    if (changed.length === 0) return;
    await this.commit(this.#puts(changed), signal);
    this.#known.remember(changed);
  }

  /** All of it, or nothing: throws `sink.fenced` when another writer has taken over (Invariant 7). */
  async commit(operations: readonly RequestOp[], signal: AbortSignal) {
    const key = base64(writerKey(this.#options.id));
    const isOurs: Compare = { key, target: 'VALUE', result: 'EQUAL', value: base64(this.#writer!) };
    const answer = await this.#client.txn([isOurs], operations, signal);
    if (answer.succeeded !== true) throw this.#fenced();
    return answer.responses ?? [];
  }

  async #takeOver(epoch: number, start: SinkPositions, signal: AbortSignal): Promise<void> {
    const { id, lineage } = this.#options;
    const { positions, writer, revision } = await this.#stored(signal);
    if (epochOf(writer) > epoch) throw this.#fenced();
    this.#known.verify(positions, id);
    const value = `${epoch}:${lineage.current}`;
    const key = base64(writerKey(id));
    const prefix = positionPrefix(id);
    const compare: Compare[] = [
      { key, target: 'MOD', result: 'EQUAL', mod_revision: writer?.mod_revision ?? '0' },
      {
        key: base64(prefix),
        range_end: base64(prefixEnd(prefix)),
        target: 'MOD',
        result: 'LESS',
        mod_revision: String(revision + 1n),
      },
    ];
    const puts = [{ request_put: { key, value: base64(value) } }, ...this.#puts(start)];
    if ((await this.#client.txn(compare, puts, signal)).succeeded !== true) {
      throw new TailraceError('sink.unreachable', `another writer of ${id} got in between`);
    }
    this.#writer = value;
    this.#known.remember(start);
  }

  #puts(positions: SinkPositions): RequestOp[] {
    const { id, lineage, generation } = this.#options;
    return positions.map(({ topic, partition, next }) => {
      const value = JSON.stringify({ next: String(next), lineage: lineage.current, generation });
      return { request_put: { key: base64(`${positionPrefix(id)}${topic}/${partition}`), value: base64(value) } };
    });
  }

  async #stored(signal: AbortSignal): Promise<Stored> {
    const prefix = positionPrefix(this.#options.id);
    const ranges: RequestOp[] = [
      { request_range: { key: base64(writerKey(this.#options.id)) } },
      { request_range: { key: base64(prefix), range_end: base64(prefixEnd(prefix)) } },
    ];
    const { header, responses = [] } = await this.#client.txn([], ranges, signal);
    const writer = responses[0]?.response_range?.kvs?.[0];
    const epoch = epochOf(writer);
    const positions = (responses[1]?.response_range?.kvs ?? []).map(({ key, value }) => {
      const place = textOf(key).slice(prefix.length);
      const slash = place.lastIndexOf('/');
      const stored = JSON.parse(textOf(value)) as { next: string; lineage: string; generation: number };
      const { lineage, generation } = stored;
      const topic = place.slice(0, slash);
      return {
        topic,
        partition: Number(place.slice(slash + 1)),
        next: BigInt(stored.next),
        lineage,
        generation,
        epoch,
      };
    });
    return { positions, writer, revision: BigInt(header.revision) };
  }

  #fenced(): TailraceError {
    return new TailraceError('sink.fenced', `a newer instance writes to the target of ${this.#options.id}`, {
      remedy: 'stop one of the two instances',
    });
  }
}

function epochOf(writer: KeyValue | undefined): number {
  return Number(textOf(writer?.value).split(':')[0] || 0);
}
