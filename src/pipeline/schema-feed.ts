/** Follows the `__schemas` topics of the sources so that every record's schema is known before it is decoded. */
import type { Envelope, SchemaStore } from '../contracts/envelope.ts';
import type { Log } from '../contracts/log.ts';
import { schemasTopic } from './checkpoint-names.ts';

const READ_BYTES = 1 << 20;

export class SchemaFeed {
  readonly store: SchemaStore;
  readonly #log: Log;
  readonly #next = new Map<string, bigint>();

  constructor(log: Log, envelope: Envelope, sources: readonly string[]) {
    this.store = envelope.schemas();
    this.#log = log;
    for (const source of sources) this.#next.set(schemasTopic(source), 0n);
  }

  /**
   * Reads to the end of each topic. A schema is committed with or before the first row that names it (DESIGN § 6), so
   * calling this after a read of rows makes all of them decodable.
   */
  async catchUp(): Promise<void> {
    for (const [topic, from] of this.#next) {
      const partition = this.#log.topics.get(topic)?.partitions[0];
      if (partition === undefined || partition.endOffset <= from) continue;
      let next = from === 0n ? partition.startOffset : from;
      while (next < partition.endOffset) {
        for (const batch of await this.#log.read(topic, 0, next, READ_BYTES)) {
          for (const record of batch.records()) this.store.add(record);
          next = batch.nextOffset;
        }
      }
      this.#next.set(topic, next);
    }
  }
}
