/** The source's tables as they are kept in etcd. */
import { keyColumns, type TableSchema, TailraceError } from 'tailrace/sdk';
import { base64, type EtcdClient, textOf } from './client.ts';
import type { RequestOp } from './messages.ts';
import { floorKey, rowPrefix } from './names.ts';

export interface TargetTable {
  /** What the keys of its rows begin with. */
  readonly prefix: string;
  /** As messages name it. */
  readonly name: string;
  /** Version below which writes are refused: a truncate or sweep has removed all that is older. */
  floor: bigint;
}

export class TargetTables {
  readonly #client: EtcdClient;
  readonly #template: string;
  readonly #tables = new Map<string, TargetTable>();

  constructor(client: EtcdClient, template: string) {
    this.#client = client;
    this.#template = template;
  }

  /** Throws `sink.not_ready` for a table without a key, or under the prefix of another. */
  async of(schema: TableSchema, signal: AbortSignal): Promise<TargetTable> {
    const prefix = rowPrefix(this.#template, schema);
    const name = `${schema.schema}.${schema.table}`;
    if (keyColumns(schema).length === 0) {
      const remedy = 'give it a primary key, or name columns that are one with `key:` under the table';
      throw new TailraceError('sink.not_ready', `${name} has no key, and etcd keeps one value per key`, { remedy });
    }
    const known = this.#tables.get(prefix);
    if (known === undefined) {
      const [stored] = await this.#client.get([floorKey(prefix)], signal);
      const table = { prefix, name, floor: BigInt(textOf(stored?.value) || 0) };
      this.#tables.set(prefix, table);
      return table;
    }
    if (known.name === name) return known;
    const remedy = 'put {schema} and {table} into `prefix`, or give each a sink of its own';
    throw new TailraceError('sink.not_ready', `${known.name} and ${name} would have the same keys`, { remedy });
  }
}

/** To be committed after everything below it was removed. A late one does not lower it. */
export function floorPut({ prefix }: TargetTable, version: string): RequestOp {
  const key = base64(floorKey(prefix));
  const value = base64(version);
  const higher = { key, target: 'VALUE', result: 'GREATER', value } as const;
  return { request_txn: { compare: [higher], success: [], failure: [{ request_put: { key, value } }] } };
}
