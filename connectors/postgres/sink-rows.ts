/** Applies the folded rows of one step to one table, a few statements for all of them. */
import { createHash } from 'node:crypto';
import type { ClientBase } from 'pg';
import type { ConnectorContext, Row, SinkRecord } from '../../src/sdk/index.ts';
import { type FoldedRow, type RowWrite, resolveLayers } from '../../src/sdk/target/fold.ts';
import { identityRow } from '../../src/sdk/target/row-image.ts';
import { TextArray } from './sink-parameters.ts';
import { appendSql, boundsSql, deleteSql, partialSql, type ServiceTables, upsertSql } from './sink-statements.ts';
import type { TargetColumn, TargetTable } from './sink-tables.ts';

/** Longer keys are remembered by their hash: an index entry has at most 2,704 bytes. */
const MAX_KEY_CHARACTERS = 500;

type Upsert = Extract<RowWrite, { kind: 'upsert' }>;
type Delete = Extract<RowWrite, { kind: 'delete' }>;

export class RowApplier {
  readonly #client: ClientBase;
  readonly #services: ServiceTables;
  readonly #context: ConnectorContext;

  constructor(client: ClientBase, services: ServiceTables, context: ConnectorContext) {
    this.#client = client;
    this.#services = services;
    this.#context = context;
  }

  /** Throws the driver's error when the server refuses a row; the caller's savepoint then decides. */
  async apply(table: TargetTable, rows: readonly FoldedRow[]): Promise<void> {
    if (rows.length === 0) return;
    if (table.keys.length === 0) return this.#append(table, rows);
    const writes = await this.#resolve(table, rows);
    const deletes = writes.filter((write) => write.kind === 'delete');
    const groups = Map.groupBy(
      writes.filter((write) => write.kind === 'upsert'),
      // A row that starts here is written whole: what was not sent has no older value to keep.
      ({ missing, fresh }) => (fresh ? '' : missing.join()),
    );
    if (deletes.length > 0) await this.#delete(table, deletes);
    for (const [missing, upserts] of groups) await this.#upsert(table, upserts, missing === '');
  }

  /** Rows with layers need the version that the target holds; the others do not depend on it. */
  async #resolve(table: TargetTable, rows: readonly FoldedRow[]): Promise<readonly RowWrite[]> {
    const layered = rows.filter(({ layers }) => layers.length > 1);
    const bounds = layered.length === 0 ? new Map<FoldedRow, bigint>() : await this.#bounds(table, layered);
    return rows.flatMap((row) => resolveLayers(row, bounds.get(row) ?? 0n) ?? []);
  }

  async #bounds(table: TargetTable, rows: readonly FoldedRow[]): Promise<Map<FoldedRow, bigint>> {
    const identities = rows.map(({ layers }) => identityRow(layers[0]!.record.change));
    const values = [...columnArrays(identities, table.keys), textArray(rows.map(({ key }) => memoryKey(key)))];
    const result = await this.#client.query<{ place: number; version: string | null }>(
      boundsSql(table, this.#services),
      [...values, table.label],
    );
    return new Map(result.rows.map(({ place, version }) => [rows[place - 1]!, BigInt(version ?? 0)]));
  }

  async #upsert(table: TargetTable, writes: readonly Upsert[], whole: boolean): Promise<void> {
    const missing = new Set(whole ? [] : writes[0]!.missing);
    const columns = table.columns.filter(({ index }) => !missing.has(index));
    const rows = writes.map(({ row }) => row);
    const values = [...columnArrays(rows, columns), ...guardArrays(writes), table.label];
    const sql = whole ? upsertSql : partialSql;
    const { rowCount } = await this.#client.query(sql(table, columns, this.#services), values);
    const incomplete = whole ? writes.filter((write) => write.missing.length > 0).length : (rowCount ?? 0);
    if (incomplete > 0) {
      this.#context.log('warn', 'rows written without columns that the source did not send', {
        table: table.label,
        rows: incomplete,
      });
    }
  }

  async #delete(table: TargetTable, writes: readonly Delete[]): Promise<void> {
    const identities = writes.map(({ record }) => identityRow(record.change));
    const values = [...columnArrays(identities, table.keys), ...guardArrays(writes)];
    const now = this.#context.clock.now();
    await this.#client.query(deleteSql(table, this.#services), [...values, table.label, now]);
  }

  async #append(table: TargetTable, rows: readonly FoldedRow[]): Promise<void> {
    const layers = rows.flatMap(({ layers: all }) => all.filter(({ row }) => row !== null));
    if (layers.length < rows.length) {
      this.#context.log('warn', 'deletes are left out: the table has no key', {
        table: table.label,
        changes: rows.length - layers.length,
      });
    }
    if (layers.length === 0) return;
    const versions = textArray(layers.map(({ record }) => String(record.change.version)));
    const images = layers.map(({ row }) => row!);
    await this.#client.query(appendSql(table, table.columns), [...columnArrays(images, table.columns), versions]);
  }
}

/** Every change a row of its own, for tables without key and for trying changes one by one. */
export function unfolded(record: SinkRecord, layer: FoldedRow['layers'][number]): FoldedRow {
  return { key: record.change.key, layers: [layer], records: [record] };
}

function columnArrays(rows: readonly Row[], columns: readonly TargetColumn[]): Buffer[] {
  return columns.map(({ index }) => {
    const array = new TextArray(rows.length * 16);
    for (const row of rows) array.pushValue(row, index);
    return array.finish();
  });
}

function guardArrays(writes: readonly RowWrite[]): Buffer[] {
  return [textArray(writes.map(({ version }) => String(version))), textArray(writes.map(({ key }) => memoryKey(key)))];
}

function textArray(texts: readonly string[]): Buffer {
  const array = new TextArray(texts.length * 20);
  for (const text of texts) array.pushText(text);
  return array.finish();
}

function memoryKey(key: string): string {
  return key.length <= MAX_KEY_CHARACTERS ? key : `sha256:${createHash('sha256').update(key).digest('hex')}`;
}
