/** Looks at the rows that Redis holds, on a connection of its own that changes nothing. */
import type { Change, HeldRow, Row, SinkInspector, SinkOpenOptions, TableSchema } from '../../src/sdk/index.ts';
import { columnText } from '../../src/sdk/target/column-text.ts';
import { heldDocument } from '../../src/sdk/target/held-document.ts';
import { heldRow, unlessRejected } from '../../src/sdk/target/held-row.ts';
import { documentMembers } from '../../src/sdk/target/json-text.ts';
import { keyJson } from '../../src/sdk/target/key-text.ts';
import { keyIndexes } from '../../src/sdk/target/names.ts';
import { rowOfKey } from '../../src/sdk/target/row-image.ts';
import type { RedisConfig } from './config.ts';
import { RedisConnection } from './connection.ts';
import { KeyTemplate } from './key-template.ts';
import { jsonRowKey, SOURCE_FIELD } from './scripts.ts';
import { escapeGlob } from './sweep.ts';
import { tableId } from './tables.ts';

/** Commands on their way at once. */
const IN_FLIGHT = 200;
const SCAN_KEYS = '500';
const VERSION_DIGITS = 19;

const never = new AbortController().signal;

export async function inspectRedis({ config, id, context }: SinkOpenOptions<RedisConfig>): Promise<SinkInspector> {
  return new RedisInspector(await RedisConnection.open(config.url, `verify ${id}`, context), config);
}

class RedisInspector implements SinkInspector {
  readonly #connection: RedisConnection;
  readonly #config: RedisConfig;

  constructor(connection: RedisConnection, config: RedisConfig) {
    this.#connection = connection;
    this.#config = config;
  }

  async compare(rows: readonly Change[]): Promise<readonly HeldRow[]> {
    const template = new KeyTemplate(this.#config.key, rows[0]!.table);
    return this.#each(rows, async ({ after }): Promise<HeldRow> => {
      const key = unlessRejected(() => template.keyOf(after!));
      if (key === null) return { state: 'missing' };
      return this.#config.as === 'hash' ? this.#compareHash(key, after!) : this.#compareDocument(key, after!);
    });
  }

  async holds(table: TableSchema, keys: readonly string[]): Promise<readonly boolean[]> {
    const template = new KeyTemplate(this.#config.key, table);
    return this.#each(keys, async (name) => {
      const key = unlessRejected(() => template.keyOf(rowOfKey(table, name)));
      return key !== null && (await this.#call('EXISTS', key)) === 1;
    });
  }

  async *keys(table: TableSchema): AsyncIterable<readonly string[]> {
    const template = new KeyTemplate(this.#config.key, table);
    const id = tableId(table, template.filled);
    const order = keyIndexes(table);
    let cursor = '0';
    do {
      const pattern = `${escapeGlob(template.prefix)}*`;
      const reply = await this.#call('SCAN', cursor, 'MATCH', pattern, 'COUNT', SCAN_KEYS);
      const [next, found] = reply as [string, string[]];
      const owned = await this.#each(found, async (key) => (await this.#isOf(id, key)) && template.textsOf(key));
      yield owned.flatMap((texts) => {
        if (texts === false || texts === null) return [];
        return [
          keyJson(
            table,
            order.map((column) => texts[template.columns.indexOf(column)]!),
          ),
        ];
      });
      cursor = next;
    } while (cursor !== '0');
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  async #compareHash(key: string, row: Row): Promise<HeldRow> {
    const reply = (await this.#call('HGETALL', key)) as readonly string[];
    if (reply.length === 0) return { state: 'missing' };
    const held = new Map<string, string>();
    for (let i = 0; i < reply.length; i += 2) held.set(reply[i]!, reply[i + 1]!);
    const columns = row.columns.flatMap(({ name }, i) => {
      const text = columnText(row, i);
      const wanted = text === null || text === undefined ? undefined : Buffer.from(text).toString();
      return wanted === held.get(name) ? [] : [name];
    });
    return heldRow(columns);
  }

  async #compareDocument(key: string, row: Row): Promise<HeldRow> {
    const text = (await this.#call('GET', key)) as string | null;
    return text === null ? { state: 'missing' } : heldDocument(row, documentMembers(text), []);
  }

  /** Keys of others may look alike. */
  async #isOf(id: string, key: string): Promise<boolean> {
    if (this.#config.as === 'hash') {
      if ((await this.#call('TYPE', key)) !== 'hash') return false;
      return (await this.#call('HGET', key, SOURCE_FIELD)) === id;
    }
    const memory = (await this.#call('GET', jsonRowKey(key))) as string | null;
    return memory?.slice(VERSION_DIGITS) === id;
  }

  #call(name: string, ...words: readonly string[]): Promise<unknown> {
    return this.#connection.call(never, name, ...words);
  }

  async #each<T, R>(list: readonly T[], one: (item: T) => Promise<R>): Promise<R[]> {
    const results: R[] = [];
    for (let at = 0; at < list.length; at += IN_FLIGHT) {
      results.push(...(await Promise.all(list.slice(at, at + IN_FLIGHT).map(one))));
    }
    return results;
  }
}
