import { statfs } from 'node:fs/promises';
import type { Hold, HoldNeeds, Holds } from '../contracts/holds.ts';
import type { TopicPartition } from '../contracts/log.ts';

/** What holds may keep beyond the settings of the topics. */
export interface HoldLimit {
  /** Age beyond the retention, ms. */
  readonly ms: number;
  /** Of all partitions together. */
  readonly bytes: number;
}

const DEFAULT_MS = 7 * 86_400_000;
const DEFAULT_PART_OF_DISK = 0.2;

/** @param dir on the disk whose size counts */
export async function defaultHoldLimit(dir: string): Promise<HoldLimit> {
  const { blocks, bsize } = await statfs(dir);
  return { ms: DEFAULT_MS, bytes: blocks * bsize * DEFAULT_PART_OF_DISK };
}

/** The reader that stands lowest in a partition. */
export interface HeldAt {
  readonly name: string;
  readonly offset: bigint;
}

export class HoldTable implements Holds {
  readonly #entries = new Set<Entry>();

  hold(name: string, needs: HoldNeeds): Hold {
    const entry = new Entry(name, needs, () => this.#entries.delete(entry));
    this.#entries.add(entry);
    return entry;
  }

  /** Null when nobody reads the partition. @param everyChange only readers that need every change */
  lowest(topic: string, partition: number, everyChange: boolean): HeldAt | null {
    let lowest: HeldAt | null = null;
    for (const { name, needs, positions } of this.#entries) {
      if (everyChange && !needs.everyChange) continue;
      const offset = positions.get(`${topic}\0${partition}`);
      if (offset !== undefined && (lowest === null || offset < lowest.offset)) lowest = { name, offset };
    }
    return lowest;
  }
}

class Entry implements Hold {
  readonly name: string;
  readonly needs: HoldNeeds;
  readonly positions = new Map<string, bigint>();
  readonly #release: () => void;

  constructor(name: string, needs: HoldNeeds, release: () => void) {
    this.name = name;
    this.needs = needs;
    this.#release = release;
  }

  at({ topic, partition }: TopicPartition, offset: bigint | null): void {
    const name = `${topic}\0${partition}`;
    if (offset === null) this.positions.delete(name);
    else this.positions.set(name, offset);
  }

  release(): void {
    this.#release();
  }
}
