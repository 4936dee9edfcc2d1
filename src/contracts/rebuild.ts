/** What a target can tell and do beyond being written to: optional parts of a sink's manifest. */
import type { SinkOpenOptions } from './sink.ts';

/** What a target holds, whoever has written it. */
export interface HeldState {
  /** Highest version of its rows, of deletes it remembers and of floors; null: it holds none. */
  readonly version: bigint | null;
  /** Highest epoch of a writer of this sink; 0: there was none. */
  readonly epoch: number;
  /** Highest generation of its positions; 0: there are none. */
  readonly generation: number;
}

/** A second target beside the one of a sink, which takes its place when it is complete. */
export interface SinkRebuild<C> {
  /** Why a target of this configuration cannot be built beside itself; null, or absent: it can. */
  refusal?(config: C): string | null;
  /** The same configuration with other names for what it writes: the tag is part of them. @param tag `[a-z0-9_]`, at most 10 */
  shadow(config: C, tag: string): C;
  /**
   * What was written under the shadow's names takes the place of what has the sink's names, which is kept under others; so do
   * positions, floors and remembered deletes. Readers see the old or the new, never both or neither. Nobody writes meanwhile.
   * Twice without error. Resolves to notes for people: where the old is, what it had that the new has not.
   */
  swap(options: SinkOpenOptions<C>, swap: TargetSwap): Promise<readonly string[]>;
  /** Removes a shadow that is given up, with its positions. Twice without error. */
  drop(options: SinkOpenOptions<C>, swap: Pick<TargetSwap, 'tag' | 'shadowId'>): Promise<void>;
}

export interface TargetSwap {
  readonly tag: string;
  /** Under which the shadow's positions are stored. */
  readonly shadowId: string;
  /** Of the sink from now on: the shadow's positions are stored with it, under the sink's id. */
  readonly generation: number;
}
