/** Looks at the rows that Redis holds, on a connection of its own that changes nothing. */
import {
  type Change,
  type HeldRow,
  type Row,
  type SinkInspector,
  type SinkOpenOptions,
  type TableSchema,
  TailraceError,
} from '../../src/sdk/index.ts';
import { columnText } from '../../src/sdk/target/column-text.ts';
import { heldDocument } from '../../src/sdk/target/held-document.ts';
import { heldRow, unlessRejected } from '../../src/sdk/target/held-row.ts';
import { documentMembers } from '../../src/sdk/target/json-text.ts';
import { keyJson } from '../../src/sdk/target/key-text.ts';
import { keyIndexes } from '../../src/sdk/target/names.ts';
import { rowOfKey } from '../../src/sdk/target/row-image.ts';
import type { RedisConfig } from './config.ts';
import { type Group, groupsOn } from './groups.ts';
import type { Key } from './key-template.ts';
import { ROW_PREFIX, rowKey, SOURCE_FIELD, VERSION_DIGITS } from './names.ts';
import { scan } from './scan.ts';
import { openServers, type Servers } from './servers.ts';
import { type TargetTable, targetTable } from './tables.ts';

/** Commands on their way at once. */
const IN_FLIGHT = 200;

const never = new AbortController().signal;

export async function inspectRedis(options: SinkOpenOptions<RedisConfig>): Promise<SinkInspector> {
  const { config, id, context } = options;
  if (config.ttl !== undefined) throw unsupported('rows with a `ttl` are gone when it has passed');
  if (config.as === 'stream') throw unsupported('a stream holds changes, not rows');
  if (config.as === 'invalidate') throw unsupported('what stands under keys that are only removed is not Tailrace’s');
  if (config.as === 'set' || config.as === 'sorted-set') throw unsupported('members of sets are not compared');
  const servers = await openServers(config, `verify ${id}`, context);
  return new RedisInspector(servers, groupsOn(servers, options), config);
}

function unsupported(why: string): TailraceError {
  return new TailraceError('verify.unsupported', `this sink cannot be compared: ${why}`);
}

class RedisInspector implements SinkInspector {
  readonly #servers: Servers;
  readonly #groups: readonly Group[];
  readonly #config: RedisConfig;

  constructor(servers: Servers, groups: readonly Group[], config: RedisConfig) {
    this.#servers = servers;
    this.#groups = groups;
    this.#config = config;
  }

  async compare(rows: readonly Change[]): Promise<readonly HeldRow[]> {
    const table = targetTable(this.#config, rows[0]!.table);
    const { as } = this.#config;
    return this.#each(rows, async ({ after }): Promise<HeldRow> => {
      const key = unlessRejected(() => table.key.keyOf(after!));
      if (key === null) return { state: 'missing' };
      if (as === 'hash') return this.#compareHash(key, after!);
      return as === 'string' ? this.#compareString(key, after!, table.value) : this.#compareDocument(key, after!);
    });
  }

  async holds(source: TableSchema, keys: readonly string[]): Promise<readonly boolean[]> {
    const table = targetTable(this.#config, source);
    return this.#each(keys, async (name) => {
      const key = unlessRejected(() => table.key.keyOf(rowOfKey(source, name)));
      return key !== null && (await this.#isOf(table.id, key));
    });
  }

  async *keys(source: TableSchema): AsyncIterable<readonly string[]> {
    const table = targetTable(this.#config, source);
    for (const group of this.#groups) {
      // A row kept as a string is known by its memory: one whose column is NULL has no key of its own.
      const before = this.#config.as === 'hash' ? '' : ROW_PREFIX;
      for await (const found of scan(group, before + table.key.prefixOf(group.index), '', never)) {
        const texts = found.map((name) => name.slice(before.length));
        const owned = await this.#each(texts, async (text) => {
          return (await this.#isOf(table.id, { text, group: group.index })) && table.key.textsOf(text, group.index);
        });
        yield owned.flatMap((columns) => (columns === false || columns === null ? [] : [keyOf(table, columns)]));
      }
    }
  }

  async close(): Promise<void> {
    this.#servers.close();
  }

  async #compareHash(key: Key, row: Row): Promise<HeldRow> {
    const reply = (await this.#call(key, 'HGETALL', key.text)) as readonly string[];
    if (reply.length === 0) return { state: 'missing' };
    const held = new Map<string, string>();
    for (let i = 0; i < reply.length; i += 2) held.set(reply[i]!, reply[i + 1]!);
    const columns = row.columns.flatMap(({ name }, i) => (textOf(row, i) === held.get(name) ? [] : [name]));
    return heldRow(columns);
  }

  async #compareDocument(key: Key, row: Row): Promise<HeldRow> {
    const text = (await this.#call(key, 'GET', key.text)) as string | null;
    return text === null ? { state: 'missing' } : heldDocument(row, documentMembers(text), []);
  }

  async #compareString(key: Key, row: Row, column: number): Promise<HeldRow> {
    const text = (await this.#call(key, 'GET', key.text)) as string | null;
    const wanted = textOf(row, column);
    if (text === (wanted ?? null)) return heldRow([]);
    return text === null ? { state: 'missing' } : heldRow([row.columns[column]!.name]);
  }

  /** Keys of others may look alike. */
  async #isOf(id: string, key: Key): Promise<boolean> {
    if (this.#config.as === 'hash') {
      if ((await this.#call(key, 'TYPE', key.text)) !== 'hash') return false;
      return (await this.#call(key, 'HGET', key.text, SOURCE_FIELD)) === id;
    }
    const memory = (await this.#call(key, 'GET', rowKey(key.text))) as string | null;
    return memory?.slice(VERSION_DIGITS) === id;
  }

  #call({ group }: Key, name: string, ...words: readonly string[]): Promise<unknown> {
    return this.#groups[group]!.connection.call(never, name, ...words);
  }

  async #each<T, R>(list: readonly T[], one: (item: T) => Promise<R>): Promise<R[]> {
    const results: R[] = [];
    for (let at = 0; at < list.length; at += IN_FLIGHT) {
      results.push(...(await Promise.all(list.slice(at, at + IN_FLIGHT).map(one))));
    }
    return results;
  }
}

/** Undefined for NULL, which has no field. */
function textOf(row: Row, column: number): string | undefined {
  const text = columnText(row, column);
  return text === null || text === undefined ? undefined : Buffer.from(text).toString();
}

function keyOf({ source, key }: TargetTable, texts: readonly string[]): string {
  return keyJson(
    source,
    keyIndexes(source).map((column) => texts[key.columns.indexOf(column)]!),
  );
}
