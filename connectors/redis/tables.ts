/** The source's tables as they are kept in Redis: their keys, and the versions below which writes are refused. */
import { createHash } from 'node:crypto';
import type { TableSchema } from '../../src/sdk/index.ts';
import { sourceTableName, TargetNames, VERSION_COLUMN } from '../../src/sdk/target/names.ts';
import { bulkString } from './command-buffer.ts';
import type { RedisConfig } from './config.ts';
import type { RedisConnection } from './connection.ts';
import { KeyTemplate } from './key-template.ts';
import { SOURCE_FIELD, tableKey } from './scripts.ts';

export interface TargetTable {
  readonly source: TableSchema;
  readonly template: KeyTemplate;
  /** Of the source's table under this template: tells our rows from others whose keys look alike. */
  readonly id: string;
  readonly stateKey: string;
  /** As messages name it. */
  readonly name: string;
  /** Column names in wire format. */
  readonly fields: readonly Uint8Array[];
}

export interface Bounds {
  /** Writes below this version are refused. */
  floor: bigint;
  /** Rows older than this version have been swept, all of them. */
  swept: bigint;
}

export class TargetTables {
  readonly #connection: RedisConnection;
  readonly #config: RedisConfig;
  readonly #names = new TargetNames({ reserved: [VERSION_COLUMN, SOURCE_FIELD] });
  readonly #known = new Map<string, TargetTable>();
  readonly #bounds = new Map<string, Bounds>();

  constructor(connection: RedisConnection, config: RedisConfig) {
    this.#connection = connection;
    this.#config = config;
  }

  async ensure(source: TableSchema, signal: AbortSignal): Promise<TargetTable> {
    const known = this.#known.get(identityOf(source));
    if (known !== undefined) return known;
    const template = new KeyTemplate(this.#config.key, source);
    this.#names.claim(template.filled, source);
    const id = tableId(source, template.filled);
    const stateKey = tableKey(id);
    const fields = source.columns.map(({ name }) => bulkString(name));
    const table = { source, template, id, stateKey, name: sourceTableName(source), fields };
    if (!this.#bounds.has(id)) {
      const stored = await this.#connection.call(signal, 'HMGET', stateKey, 'floor', 'swept');
      const [floor, swept] = (stored as (string | null)[]).map((text) => BigInt(text ?? 0));
      this.#bounds.set(id, { floor: floor!, swept: swept! });
    }
    this.#known.set(identityOf(source), table);
    return table;
  }

  /** What the target holds of the table; this session is the only one that changes it. */
  bounds({ id }: TargetTable): Bounds {
    return this.#bounds.get(id)!;
  }
}

function identityOf({ source, schema, table, id }: TableSchema): string {
  return `${source}\0${schema}\0${table}\0${id}`;
}

/** 48 bits of a hash: it stands in every row. */
export function tableId({ source, schema, table }: TableSchema, template: string): string {
  return createHash('sha256')
    .update(JSON.stringify([source, schema, table, template]))
    .digest('base64url')
    .slice(0, 8);
}
