/** Reads a pipeline's topic of dead letters: of a running instance's log or of a stopped one's. */
import type { Log, Topics } from '../../contracts/log.ts';
import { deadLetterTopic } from '../checkpoint-names.ts';
import { type Entry, readEntry } from './entry.ts';

const READ_BYTES = 1 << 20;

export interface ReadableLog {
  readonly topics: Pick<Topics, 'get'>;
  read: Log['read'];
}

/** An entry without the bytes of its record, and the offset in the topic at which the whole of it is. */
export interface Kept {
  readonly entry: Entry;
  readonly at: bigint;
}

/** The latest entry of each letter whose id begins with `prefix`, in the order in which they came last. */
export async function readLetters(log: ReadableLog, pipeline: string, prefix: string): Promise<Map<string, Kept>> {
  const letters = new Map<string, Kept>();
  const topic = deadLetterTopic(pipeline);
  const partition = log.topics.get(topic)?.partitions[0];
  if (partition === undefined) return letters;
  for (let next = partition.startOffset; next < partition.endOffset; ) {
    for (const batch of await log.read(topic, 0, next, READ_BYTES)) {
      for (const { offset, key, value } of batch.records()) {
        const id = Buffer.from(key ?? []).toString();
        if (!id.startsWith(prefix)) continue;
        letters.delete(id);
        if (value !== null) letters.set(id, { entry: withoutBytes(readEntry(id, value)), at: offset });
      }
      next = batch.nextOffset;
    }
  }
  return letters;
}

/** The whole entry at an offset that `readLetters` or a commit gave; undefined when another has taken its place since. */
export async function readWhole(
  log: ReadableLog,
  pipeline: string,
  id: string,
  at: bigint,
): Promise<Entry | undefined> {
  for (const batch of await log.read(deadLetterTopic(pipeline), 0, at, 1)) {
    for (const { offset, key, value } of batch.records()) {
      if (offset === at && value !== null && Buffer.from(key ?? []).toString() === id) return readEntry(id, value);
    }
  }
  return undefined;
}

/** `edited` stays as a mark that there is something edited. */
export function withoutBytes({
  key: _key,
  value: _value,
  headers: _headers,
  edited,
  detail: _,
  ...rest
}: Entry): Entry {
  return { ...rest, detail: null, ...(edited === undefined ? {} : { edited: null }) };
}
