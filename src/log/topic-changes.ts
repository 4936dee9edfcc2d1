/** Making, changing and deleting topics: each a commit of its own, one after the other for a topic. */
import { TailraceError } from '../contracts/errors.ts';
import type { TopicInfo, TopicSettings } from '../contracts/log.ts';
import type { TopicAdmin, TopicConfig, TopicDetails } from '../contracts/log-admin.ts';
import type { CommitRecord, TopicChange } from './commit-record.ts';
import { newLineageId, newTopicId } from './ids.ts';
import type { LogState } from './state.ts';
import { configOf, noSuchTopic, type TopicState } from './topic-state.ts';

/** Kafka's rule; our own names are escaped to it (DESIGN § 6). */
const TOPIC_NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/;

export interface TopicChangesOptions {
  readonly state: LogState;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Resolves when the record is durable and applied. */
  readonly append: (record: CommitRecord) => Promise<void>;
}

interface NewTopic {
  readonly partitions: number;
  readonly config: TopicConfig;
}

export class TopicChanges implements TopicAdmin {
  readonly #options: TopicChangesOptions;
  /** Last change of each topic. */
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #deleting = new Set<string>();
  /** Since the lineage has had its present id. */
  readonly #deleted = new Set<string>();

  constructor(options: TopicChangesOptions) {
    this.#options = options;
  }

  /** True from when the deletion stands in the queue of commits: what comes behind it must not name the topic. */
  isDeleting(name: string): boolean {
    return this.#deleting.has(name);
  }

  /** As `Topics.ensure`. */
  ensure(name: string, { partitions, cleanup }: TopicSettings): Promise<TopicInfo> {
    return this.#inTurn(name, async () => {
      const topic =
        this.#options.state.topic(name) ?? (await this.#create(name, { partitions, config: configOf(cleanup) }));
      if (topic.settings.partitions === partitions) return topic;
      const message = `the topic ${name} has ${topic.settings.partitions} partitions, not ${partitions}`;
      throw new TailraceError('internal.bug', message);
    });
  }

  describe(name: string): TopicDetails | undefined {
    return this.#options.state.topicState(name)?.details();
  }

  /** Throws `topic.exists`. */
  create(name: string, topic: NewTopic): Promise<TopicDetails> {
    return this.#inTurn(name, async () => {
      if (this.describe(name) === undefined) return this.#create(name, topic);
      throw new TailraceError('topic.exists', `there is a topic ${name} already`);
    });
  }

  /** Throws `log.no_such_topic`; `topic.invalid` for fewer partitions than there are. */
  alter(name: string, { partitions, config }: Parameters<TopicAdmin['alter']>[1]): Promise<void> {
    return this.#inTurn(name, async () => {
      const topic = this.#existing(name);
      const existing = topic.partitions.length;
      if (partitions !== undefined && !(Number.isSafeInteger(partitions) && partitions >= existing)) {
        throw new TailraceError('topic.invalid', `the topic ${name} has ${existing} partitions, and cannot have fewer`);
      }
      const change: TopicChange = {
        id: topic.id,
        ...(partitions === undefined ? {} : { partitions }),
        ...(config === undefined ? {} : { config }),
      };
      await this.#options.append({ changedTopics: [change] });
    });
  }

  /** Throws `log.no_such_topic`. */
  delete(name: string): Promise<void> {
    return this.#inTurn(name, async () => {
      const { id } = this.#existing(name);
      this.#deleting.add(name);
      try {
        await this.#options.append({ deletedTopics: [id] });
        this.#deleted.add(name);
      } finally {
        this.#deleting.delete(name);
      }
    });
  }

  async #create(name: string, { partitions, config }: NewTopic): Promise<TopicDetails> {
    if (!TOPIC_NAME.test(name) || !Number.isSafeInteger(partitions) || partitions < 1) {
      throw new TailraceError('internal.bug', `a topic cannot be called "${name}" or have ${partitions} partitions`);
    }
    const { state, random, append } = this.#options;
    const topic = { name, partitions, id: newTopicId(random), config };
    // Invariant 11: positions in the topic that had this name, stored under the present id, say nothing about the new one.
    const again = this.#deleted.has(name);
    await append({ topics: [topic], ...(again ? { opened: newLineageId(random) } : {}) });
    if (again) this.#deleted.clear();
    return state.topicState(name)!.details();
  }

  #existing(name: string): TopicState {
    const topic = this.#options.state.topicState(name);
    if (topic === undefined) throw noSuchTopic(name);
    return topic;
  }

  #inTurn<T>(name: string, change: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(name) ?? Promise.resolve();
    const turn = before.then(change, change);
    this.#turns.set(name, turn);
    const ended = () => {
      if (this.#turns.get(name) === turn) this.#turns.delete(name);
    };
    turn.then(ended, ended);
    return turn;
  }
}
