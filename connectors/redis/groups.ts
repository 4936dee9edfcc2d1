/**
 * The groups of a sink: one outside of a cluster, where nothing is tagged. Each has positions of its own beside its rows, so that a
 * primary that loses acknowledged writes loses both, and what it lost is written again (Invariant 2).
 */
import type { SinkOpenOptions, SinkPositions } from '../../src/sdk/index.ts';
import { groupsOf, type RedisConfig } from './config.ts';
import type { RedisConnection } from './connection.ts';
import { tableKey } from './names.ts';
import { TargetOffsets } from './offsets.ts';
import { type Servers, tagOf } from './servers.ts';
import { slotOfTag } from './slot.ts';
import type { TargetTable } from './tables.ts';

export interface Bounds {
  /** Writes below this version are refused. */
  floor: bigint;
  /** Rows older than this version have been swept, all of them. */
  swept: bigint;
}

export class Group {
  readonly index: number;
  readonly connection: RedisConnection;
  readonly offsets: TargetOffsets;
  /** Null outside of a cluster. */
  readonly slot: number | null;
  readonly #tag: string;
  readonly #bounds = new Map<string, Bounds>();

  constructor(index: number, tag: string, connection: RedisConnection, options: SinkOpenOptions<RedisConfig>) {
    this.index = index;
    this.connection = connection;
    this.#tag = tag;
    this.slot = tag === '' ? null : slotOfTag(tag);
    this.offsets = new TargetOffsets(connection, tag, options);
  }

  stateKey({ id }: TargetTable): string {
    return tableKey(this.#tag, id);
  }

  /** What the group holds of the table; this session is the only one that changes it. */
  async bounds(table: TargetTable, signal: AbortSignal): Promise<Bounds> {
    let known = this.#bounds.get(table.id);
    if (known === undefined) {
      const stored = await this.connection.call(signal, 'HMGET', this.stateKey(table), 'floor', 'swept');
      const [floor, swept] = (stored as (string | null)[]).map((text) => BigInt(text ?? 0));
      this.#bounds.set(table.id, (known = { floor: floor!, swept: swept! }));
    }
    return known;
  }
}

export function groupsOn(servers: Servers, options: SinkOpenOptions<RedisConfig>): readonly Group[] {
  const { config } = options;
  return Array.from({ length: groupsOf(config) }, (_, group) => {
    return new Group(group, tagOf(config, group), servers.ofGroup[group]!, options);
  });
}

/** Where all groups go on: what the one that is furthest behind has of each partition. As `OpenSink.resume`. */
export async function resumeOf(groups: readonly Group[]): Promise<SinkPositions | null> {
  const all = await Promise.all(groups.map(({ offsets }) => offsets.load()));
  if (all.some((positions) => positions !== null && positions.length === 0)) return [];
  const [first, ...others] = all.filter((positions) => positions !== null);
  if (first === undefined || others.length + 1 < all.length) return null;
  return first.flatMap(({ topic, partition, next }) => {
    let least = next;
    for (const positions of others) {
      const found = positions.find((one) => one.topic === topic && one.partition === partition)?.next;
      if (found === undefined) return [];
      if (found < least) least = found;
    }
    return [{ topic, partition, next: least }];
  });
}
