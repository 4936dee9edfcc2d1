/** A Kafka listener over a log of its own, for tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../../src/contracts/log.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { type EmbeddedLog, openLog } from '../../src/log/embedded-log.ts';
import { type KafkaListener, type KafkaListenerOptions, startKafkaListener } from '../../src/protocol/index.ts';

export type ListenerSettings = Partial<Omit<KafkaListenerOptions, 'log' | 'topics'>> & {
  readonly topics?: Partial<KafkaListenerOptions['topics']>;
};

/** Over any log. */
export function startListener(log: Log, settings: ListenerSettings = {}): Promise<KafkaListener> {
  return startKafkaListener({
    log,
    clock: systemClock,
    logger: () => {},
    listen: { host: '127.0.0.1', port: 0 },
    ...settings,
    groups: { initialDelayMs: 0, ...settings.groups },
    topics: { autoCreate: true, defaultPartitions: 1, mayProduce: () => true, ...settings.topics },
  });
}

/** Over an embedded log in a directory of its own, which can be closed and opened again. */
export class TestBroker {
  readonly dir = mkdtempSync(join(tmpdir(), 'tailrace-kafka-'));
  readonly #settings: ListenerSettings;
  log!: EmbeddedLog;
  listener!: KafkaListener;

  private constructor(settings: ListenerSettings) {
    this.#settings = settings;
  }

  static async start(settings: ListenerSettings = {}): Promise<TestBroker> {
    const broker = new TestBroker(settings);
    await broker.#open();
    return broker;
  }

  get port(): number {
    return this.listener.port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async restart(): Promise<void> {
    const { port } = this;
    await this.listener.close();
    await this.log.close();
    await this.#open(port);
  }

  async close(): Promise<void> {
    await this.listener.close();
    await this.log.close();
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #open(port = 0): Promise<void> {
    this.log = await openLog({ dir: this.dir, clock: systemClock, random: Math.random, log: () => {} });
    this.listener = await startListener(this.log, {
      admin: this.log.admin,
      ...this.#settings,
      listen: { host: '127.0.0.1', port },
    });
  }
}
