/** Topics as clients see them: names, ids, configuration, and what may be done to them. */
import { createHash } from 'node:crypto';
import type { Topics as LogTopics, TopicInfo } from '../contracts/log.ts';
import type { TopicAdmin, TopicConfig } from '../contracts/log-admin.ts';
import type { TopicRules } from './options.ts';
import { CLEANUP_POLICY, MAX_MESSAGE_BYTES } from './topic-configs.ts';

const MAX_NAME = 249;
const INTERNAL_PREFIX = '__tailrace_';

export interface NewTopic {
  readonly partitions: number;
  /** Checked; where the log cannot configure topics, only what it does anyway. */
  readonly config: TopicConfig;
}

export class Topics {
  readonly rules: TopicRules;
  /** Null where the log has no more than `Topics`. */
  readonly admin: TopicAdmin | null;
  readonly #topics: LogTopics;
  readonly #clusterId: string;
  readonly #creating = new Set<string>();
  /** As of the last question: one that is deleted by another way than this listener is in them still. */
  readonly #ids = new Map<string, string>();
  readonly #names = new Map<string, string>();

  constructor(topics: LogTopics, admin: TopicAdmin | null, clusterId: string, rules: TopicRules) {
    this.#topics = topics;
    this.admin = admin;
    this.#clusterId = clusterId;
    this.rules = rules;
  }

  get(topic: string): TopicInfo | undefined {
    return this.#topics.get(topic);
  }

  list(): readonly TopicInfo[] {
    return this.#topics.list();
  }

  /** Whether outside clients may write to the topic, create, change and delete it. */
  mayProduce(topic: string): boolean {
    return !isInternal(topic) && this.rules.mayProduce(topic);
  }

  /** 32 hex digits. A log that gives no ids never deletes topics either: there the id follows from the name. */
  idOf(topic: string): string {
    const given = this.admin?.describe(topic)?.id;
    const id = given ?? createHash('sha256').update(`${this.#clusterId}/${topic}`).digest('hex').slice(0, 32);
    const before = this.#ids.get(topic);
    if (before === id) return id;
    if (before !== undefined) this.#names.delete(before);
    this.#ids.set(topic, id);
    this.#names.set(id, topic);
    return id;
  }

  byId(id: string): TopicInfo | undefined {
    if (!this.#names.has(id)) for (const { name } of this.#topics.list()) this.idOf(name);
    const name = this.#names.get(id);
    const topic = name === undefined ? undefined : this.#topics.get(name);
    if (topic !== undefined && this.idOf(topic.name) === id) return topic;
    // It is gone: what may have its name now is another one.
    if (name !== undefined && this.#ids.get(name) === id) this.#ids.delete(name);
    this.#names.delete(id);
    return undefined;
  }

  /** Settings that differ from the default. */
  configOf({ name, settings }: TopicInfo): TopicConfig {
    const configured = this.admin?.describe(name)?.config;
    if (configured !== undefined) return configured;
    return settings.cleanup === 'compact' ? { [CLEANUP_POLICY]: 'compact' } : {};
  }

  /** @param limit largest batch of any topic, in bytes */
  maxBatchBytes(topic: string, limit: number): number {
    const configured = this.admin?.describe(topic)?.config[MAX_MESSAGE_BYTES];
    return configured === undefined ? limit : Number(configured);
  }

  /** The new topic, durably; null when it exists, or is being created. */
  async create(name: string, { partitions, config }: NewTopic): Promise<TopicInfo | null> {
    if (this.#creating.has(name) || this.#topics.get(name) !== undefined) return null;
    this.#creating.add(name);
    try {
      if (this.admin !== null) return await this.admin.create(name, { partitions, config });
      const cleanup = config[CLEANUP_POLICY]?.includes('compact') ? 'compact' : 'delete';
      return await this.#topics.ensure(name, { partitions, cleanup });
    } finally {
      this.#creating.delete(name);
    }
  }
}

export function isInternal(topic: string): boolean {
  return topic.startsWith(INTERNAL_PREFIX);
}

/** What is wrong with the name of a topic, or null. Kafka's rule. */
export function nameProblem(name: string): string | null {
  if (name === '' || name.length > MAX_NAME) return `a topic's name has 1 to ${MAX_NAME} characters`;
  if (name === '.' || name === '..') return 'a topic cannot be called "." or ".."';
  return /^[A-Za-z0-9._-]+$/.test(name) ? null : 'a topic\'s name has only letters, digits, ".", "_" and "-"';
}
