/**
 * A replay of a sink that is under way, as its checkpoint keeps it: per topic what is read again, and where the sink goes on
 * afterwards. Gone when all of it has been read, or the sink was sent elsewhere.
 */
import type { ReplayProgress } from '../contracts/replay.ts';
import type { SinkPositions } from '../contracts/sink.ts';
import type { Leaps } from './sink-reader.ts';

export interface Replay {
  readonly startedMs: number;
  /** Records a second; null: as the sink's own setting. */
  readonly rate: number | null;
  readonly topics: Readonly<Record<string, ReplayedTopic>>;
}

/** Offsets: from the first, up to `until`, which is left out; then on from `onward`. */
export interface ReplayedTopic {
  readonly from: bigint;
  readonly until: bigint;
  readonly onward: bigint;
}

export function writeReplay({ topics, ...rest }: Replay): string {
  const texts = Object.entries(topics).map(([topic, { from, until, onward }]) => {
    return [topic, [String(from), String(until), String(onward)]] as const;
  });
  return JSON.stringify({ v: 1, ...rest, topics: Object.fromEntries(texts) });
}

export function readReplay(text: string | undefined): Replay | null {
  if (text === undefined) return null;
  const { startedMs, rate, topics } = JSON.parse(text) as Pick<Replay, 'startedMs' | 'rate'> & { topics: object };
  const read = (Object.entries(topics) as [string, [string, string, string]][]).map(
    ([topic, [from, until, onward]]) => {
      return [topic, { from: BigInt(from), until: BigInt(until), onward: BigInt(onward) }] as const;
    },
  );
  return { startedMs, rate, topics: Object.fromEntries(read) };
}

export function leapsOf(replay: Replay | null): Leaps {
  return new Map(Object.entries(replay?.topics ?? {}));
}

/** Has everything been read that was to be read again? */
export function isOver({ topics }: Replay, positions: SinkPositions): boolean {
  return positions.every(({ topic, next }) => next >= (topics[topic]?.until ?? 0n));
}

export function progressOf({ topics, startedMs, rate }: Replay, positions: SinkPositions, now: number): ReplayProgress {
  let [done, total] = [0n, 0n];
  for (const { topic, next } of positions) {
    const { from, until } = topics[topic] ?? { from: 0n, until: 0n };
    total += until - from;
    done += (next < until ? (next > from ? next : from) : until) - from;
  }
  const seconds = (now - startedMs) / 1_000;
  const etaSeconds = done === 0n || seconds <= 0 ? null : Math.ceil((Number(total - done) * seconds) / Number(done));
  return {
    startedMs,
    rate,
    done: Number(done),
    total: Number(total),
    percent: total === 0n ? 100 : Math.floor((Number(done) * 100) / Number(total)),
    etaSeconds,
  };
}
