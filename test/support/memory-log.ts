/** A naive log in memory, for tests of what is built on the log. Durability can be held back to look at what happens before it. */
import { randomUUID } from 'node:crypto';
import { TailraceError } from '../../src/contracts/errors.ts';
import type {
  EndOffsets,
  Log,
  LogTransaction,
  PartitionInfo,
  PendingBatch,
  StoredBatch,
  TopicInfo,
  TopicPartition,
  TopicSettings,
} from '../../src/contracts/log.ts';
import type { LogAdmin } from '../../src/contracts/log-admin.ts';
import { placeBatch, readBatchHeader, readRecords } from '../../src/wire/record-batch.ts';

interface MemoryPartition {
  batches: StoredBatch[];
  start: bigint;
  /** Offsets given out; `end` follows when they are durable. */
  next: bigint;
  end: bigint;
}

interface MemoryTopic {
  readonly id: string;
  readonly name: string;
  cleanup: TopicSettings['cleanup'];
  config: Record<string, string>;
  readonly partitions: MemoryPartition[];
}

interface Waiter {
  readonly positions: readonly (TopicPartition & { readonly offset: bigint })[];
  readonly resolve: () => void;
}

export class MemoryLog implements Log {
  readonly lineage = { current: '0'.repeat(16), covers: () => true };
  readonly commits: EndOffsets[] = [];
  /** Calls of `read` so far. */
  reads = 0;
  /** Set to make every further commit fail. */
  failure: TailraceError | null = null;
  readonly #topics = new Map<string, MemoryTopic>();
  readonly #checkpoints = new Map<string, string>();
  readonly #epochs = new Map<string, number>();
  readonly #open = new Set<string>();
  readonly #waiters = new Set<Waiter>();
  #gate: Promise<void> = Promise.resolve();
  #openGate = () => {};

  /** Commits called from now on are not durable before `release`. */
  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#openGate = resolve;
    });
  }

  release(): void {
    this.#openGate();
    this.#gate = Promise.resolve();
  }

  readonly topics = {
    ensure: async (name: string, settings: TopicSettings): Promise<TopicInfo> => {
      const topic = this.#topics.get(name);
      if (topic === undefined) {
        this.#add(name, settings.partitions, settings.cleanup === 'compact' ? { 'cleanup.policy': 'compact' } : {});
      } else if (topic.partitions.length !== settings.partitions) {
        throw new TailraceError('internal.bug', `topic ${name} has another number of partitions`);
      }
      return this.topics.get(name)!;
    },
    get: (name: string): TopicInfo | undefined => {
      const topic = this.#topics.get(name);
      if (topic === undefined) return undefined;
      const partitions = topic.partitions.map(
        (p, partition): PartitionInfo => ({
          partition,
          startOffset: p.start,
          endOffset: p.end,
          sizeBytes: p.batches.reduce((sum, batch) => sum + batch.bytes.length, 0),
        }),
      );
      const settings = { partitions: partitions.length, cleanup: topic.cleanup };
      return { name, settings, partitions };
    },
    list: (): readonly TopicInfo[] => [...this.#topics.keys()].sort().map((name) => this.topics.get(name)!),
  };

  readonly checkpoints = {
    get: (name: string): string | undefined => this.#checkpoints.get(name),
    list: (prefix: string): readonly (readonly [string, string])[] =>
      [...this.#checkpoints].filter(([name]) => name.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1)),
  };

  readonly admin: Required<Pick<LogAdmin, 'topics' | 'retention'>> = {
    topics: {
      describe: (name) => {
        const topic = this.#topics.get(name);
        const info = this.topics.get(name);
        return topic === undefined || info === undefined ? undefined : { ...info, id: topic.id, config: topic.config };
      },
      create: async (name, { partitions, config }) => {
        this.#add(name, partitions, config);
        return this.admin.topics.describe(name)!;
      },
      alter: async (name, { partitions, config }) => {
        const topic = this.#topics.get(name)!;
        while (topic.partitions.length < (partitions ?? 0)) topic.partitions.push(emptyPartition());
        const merged = Object.entries({ ...topic.config, ...config }).filter(([, value]) => value !== null);
        topic.config = Object.fromEntries(merged as [string, string][]);
        topic.cleanup = topic.config['cleanup.policy']?.includes('compact') ? 'compact' : 'delete';
      },
      delete: async (name) => void this.#topics.delete(name),
    },
    retention: {
      deleteBefore: async (topic, partition, offset) => {
        this.truncateBefore(topic, partition, offset);
        return offset;
      },
    },
  };

  begin(name: string, epoch: number): LogTransaction {
    if (this.#open.has(name)) throw new TailraceError('internal.bug', `writer ${name} has an uncommitted transaction`);
    this.#open.add(name);
    const staged: PendingBatch[] = [];
    const checkpoints = new Map<string, string | null>();
    return {
      append: (topic, partition, bytes) => {
        this.#partition(topic, partition);
        staged.push({ topic, partition, bytes });
        return undefined;
      },
      checkpoint: (key, value) => void checkpoints.set(key, value),
      commit: async (finish) => {
        this.#open.delete(name);
        if ((this.#epochs.get(name) ?? 0) !== epoch) throw new TailraceError('log.fenced', `writer ${name} is fenced`);
        if (this.failure !== null) throw this.failure;
        const placed = staged.map((batch) => this.#place(batch));
        const more = finish?.(endsOf(placed)) ?? [];
        placed.push(...more.map((batch) => this.#place(batch)));
        await this.#gate;
        if (this.failure !== null) throw this.failure;
        this.#publish(placed, checkpoints);
        const ends = endsOf(placed);
        this.commits.push(ends);
        return ends;
      },
      abort: async () => void this.#open.delete(name),
    };
  }

  async fence(name: string): Promise<number> {
    const epoch = (this.#epochs.get(name) ?? 0) + 1;
    this.#epochs.set(name, epoch);
    return epoch;
  }

  async read(topic: string, partition: number, offset: bigint, maxBytes: number): Promise<readonly StoredBatch[]> {
    this.reads++;
    const { batches, start, end } = this.#partition(topic, partition);
    if (offset < start || offset > end) {
      throw new TailraceError('log.offset_out_of_range', `offset ${offset} of ${topic}-${partition}`);
    }
    const found: StoredBatch[] = [];
    let size = 0;
    for (const batch of batches) {
      if (batch.nextOffset <= offset) continue;
      if (found.length > 0 && size + batch.bytes.length > maxBytes) break;
      found.push(batch);
      size += batch.bytes.length;
    }
    return found;
  }

  waitFor(positions: Waiter['positions'], signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      if (this.#advanced(positions)) return resolve();
      const waiter = { positions, resolve };
      this.#waiters.add(waiter);
      signal.addEventListener('abort', () => {
        this.#waiters.delete(waiter);
        reject(signal.reason);
      });
    });
  }

  /** As after a crash: what was staged is gone. */
  crash(): void {
    this.#open.clear();
  }

  /** Number of callers in `waitFor`. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** Deletes records below an offset, as retention does. */
  truncateBefore(topic: string, partition: number, offset: bigint): void {
    const target = this.#partition(topic, partition);
    target.start = offset;
    target.batches = target.batches.filter(({ nextOffset }) => nextOffset > offset);
  }

  #add(name: string, partitions: number, config: Readonly<Record<string, string>>): void {
    const cleanup = config['cleanup.policy']?.includes('compact') ? 'compact' : 'delete';
    const id = randomUUID().replaceAll('-', '');
    const list = Array.from({ length: partitions }, emptyPartition);
    this.#topics.set(name, { id, name, cleanup, config: { ...config }, partitions: list });
  }

  #advanced(positions: Waiter['positions']): boolean {
    return positions.some(({ topic, partition, offset }) => this.#partition(topic, partition).end > offset);
  }

  #partition(topic: string, partition: number): MemoryPartition {
    const found = this.#topics.get(topic)?.partitions[partition];
    if (found === undefined) throw new TailraceError('log.no_such_topic', `no partition ${topic}-${partition}`);
    return found;
  }

  #place({ topic, partition, bytes }: PendingBatch): TopicPartition & { readonly batch: StoredBatch } {
    const target = this.#partition(topic, partition);
    const baseOffset = target.next;
    placeBatch(bytes, 0, baseOffset, 0);
    const nextOffset = baseOffset + BigInt(readBatchHeader(bytes, 0).lastOffsetDelta) + 1n;
    target.next = nextOffset;
    return { topic, partition, batch: { baseOffset, nextOffset, bytes, records: () => readRecords(bytes) } };
  }

  #publish(placed: readonly (TopicPartition & { batch: StoredBatch })[], checkpoints: Map<string, string | null>) {
    for (const { topic, partition, batch } of placed) {
      const target = this.#partition(topic, partition);
      target.batches.push(batch);
      target.end = batch.nextOffset;
    }
    for (const [key, value] of checkpoints) {
      if (value === null) this.#checkpoints.delete(key);
      else this.#checkpoints.set(key, value);
    }
    for (const waiter of this.#waiters) {
      if (!this.#advanced(waiter.positions)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }
}

function emptyPartition(): MemoryPartition {
  return { batches: [], start: 0n, next: 0n, end: 0n };
}

function endsOf(placed: readonly (TopicPartition & { batch: StoredBatch })[]): EndOffsets {
  const ends = new Map<string, TopicPartition & { baseOffset: bigint; endOffset: bigint }>();
  for (const { topic, partition, batch } of placed) {
    const key = `${topic}/${partition}`;
    const baseOffset = ends.get(key)?.baseOffset ?? batch.baseOffset;
    ends.set(key, { topic, partition, baseOffset, endOffset: batch.nextOffset });
  }
  return [...ends.values()];
}
