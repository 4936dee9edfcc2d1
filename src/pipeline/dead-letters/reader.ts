/** Lists a pipeline's dead letters, of a running or a stopped instance. */
import type {
  DeadLetterFilter,
  DeadLetterGroup,
  DeadLetterList,
  DeadLetterReader,
  DeadLetterRecord,
  DeadLetterSummary,
} from '../../contracts/dead-letters.ts';
import { TailraceError } from '../../contracts/errors.ts';
import { deadLetterTopic } from '../checkpoint-names.ts';
import { ownerOf, recordOf, summaryOf } from './entry.ts';
import { type ReadableLog, readLetters, readWhole } from './topic.ts';

const WAITING: readonly string[] = ['open', 'held'];

export class LetterReader implements DeadLetterReader {
  readonly #log: ReadableLog;
  readonly #isKnown: (pipeline: string) => boolean;

  /** @param isKnown of a pipeline that has no dead letters: whether there is such a one */
  constructor(log: ReadableLog, isKnown: (pipeline: string) => boolean) {
    this.#log = log;
    this.#isKnown = isKnown;
  }

  async list(pipeline: string, filter: DeadLetterFilter): Promise<DeadLetterList> {
    if (this.#log.topics.get(deadLetterTopic(pipeline)) === undefined && !this.#isKnown(pipeline)) {
      throw new TailraceError('dlq.not_found', `there is no pipeline ${pipeline}`, {
        remedy: '`tailrace status` lists them',
      });
    }
    const found = await readLetters(this.#log, pipeline, `${pipeline}/`);
    const letters = [...found].map(([id, { entry }]) => summaryOf(id, entry)).filter((one) => matches(one, filter));
    letters.sort((a, b) => a.firstMs - b.firstMs || (a.id < b.id ? -1 : 1));
    return { total: letters.length, groups: groupsOf(letters), letters: letters.slice(0, filter.limit ?? undefined) };
  }

  async show(id: string): Promise<DeadLetterRecord> {
    const pipeline = ownerOf(id)?.pipeline;
    if (pipeline !== undefined) {
      const kept = (await readLetters(this.#log, pipeline, id)).get(id);
      const entry = kept && (await readWhole(this.#log, pipeline, id, kept.at));
      if (entry !== undefined) return recordOf(id, entry);
    }
    throw noSuchLetter(id);
  }
}

export function noSuchLetter(id: string): TailraceError {
  return new TailraceError('dlq.not_found', `there is no dead letter ${id}`, {
    remedy: '`tailrace dlq ls PIPELINE` lists them',
  });
}

export function matches(letter: DeadLetterSummary, filter: DeadLetterFilter): boolean {
  const { sink, ids, states = WAITING, cause, code, topic, sinceMs, untilMs } = filter;
  return (
    (sink === undefined || letter.sink === sink) &&
    (ids === undefined || ids.includes(letter.id)) &&
    states.includes(letter.state) &&
    (cause === undefined || letter.cause === cause) &&
    (code === undefined || letter.code === code) &&
    (topic === undefined || letter.topic === topic) &&
    (sinceMs === undefined || letter.firstMs >= sinceMs) &&
    (untilMs === undefined || letter.firstMs < untilMs)
  );
}

/** The largest first. */
function groupsOf(letters: readonly DeadLetterSummary[]): DeadLetterGroup[] {
  const groups = Map.groupBy(letters, ({ cause }) => cause).values();
  return [...groups].map(groupOf).sort((a, b) => b.count - a.count || a.firstMs - b.firstMs);
}

function groupOf(letters: readonly DeadLetterSummary[]): DeadLetterGroup {
  const { cause, sink, code, message, step, topic, id } = letters[0]!;
  const firstMs = Math.min(...letters.map((letter) => letter.firstMs));
  const lastMs = Math.max(...letters.map((letter) => letter.lastMs));
  return { cause, sink, code, message, step, topic, count: letters.length, firstMs, lastMs, sample: id };
}
