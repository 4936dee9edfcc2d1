/** Applies the changes of one step to one table, a few statements for all of them. */
import { createHash } from 'node:crypto';
import type { Client } from 'pg';
import type { Column, ConnectorContext, Row, SinkRecord } from '../../src/sdk/index.ts';
import { type FoldedRow, foldRows, type RowWrite, resolveLayers } from '../../src/sdk/target/fold.ts';
import { identityRow, rowOfKey } from '../../src/sdk/target/row-image.ts';
import { timeText } from '../../src/sdk/target/soft-delete.ts';
import { lastOfEachRow, oldestOfNewRows } from '../../src/sdk/target/whole-rows.ts';
import { copyIn } from './sink-copy-in.ts';
import { CopyRows } from './sink-copy-rows.ts';
import { TextArray } from './sink-parameters.ts';
import {
  appendSql,
  boundsSql,
  copySql,
  deleteSql,
  keepSql,
  partialSql,
  type ServiceTables,
  upsertSql,
} from './sink-statements.ts';
import type { TargetColumn, TargetTable } from './sink-tables.ts';

/** Longer keys are remembered by their hash: an index entry has at most 2,704 bytes. */
const MAX_KEY_CHARACTERS = 500;
/** What is handed to the socket at once: the server works on it while the next rows are made. */
const PIECE_BYTES = 1 << 15;

type Upsert = Extract<RowWrite, { kind: 'upsert' }>;

export class RowApplier {
  readonly #client: Client;
  readonly #services: ServiceTables;
  readonly #context: ConnectorContext;
  /** By label: no delete that is remembered of the table is newer. */
  readonly #newestDelete = new Map<string, bigint>();

  constructor(client: Client, services: ServiceTables, context: ConnectorContext) {
    this.#client = client;
    this.#services = services;
    this.#context = context;
  }

  /** Before the first rows of a table in this session, in a transaction that keeps other writers of this sink out. */
  async ready({ label }: TargetTable): Promise<void> {
    if (this.#newestDelete.has(label)) return;
    const { rows } = await this.#client.query<{ version: string }>(
      `SELECT coalesce(max(version), 0)::text AS version FROM ${this.#services.deleted} WHERE table_name = $1`,
      [label],
    );
    this.#newestDelete.set(label, BigInt(rows[0]!.version));
  }

  /**
   * By COPY, when all changes are new rows, sent whole; else false, and nothing was done. COPY refuses a row whose key is
   * there, and rows come in only when no remembered delete is newer (Invariant 7), so it cannot bring back anything.
   */
  async copy(table: TargetTable, records: readonly SinkRecord[]): Promise<boolean> {
    const oldest = oldestOfNewRows(records);
    if (oldest === null || !this.#isNewerThanDeletes(table, oldest)) return false;
    await copyIn(this.#client, copySql(table), copyPieces(table, records));
    return true;
  }

  /** Throws the driver's error when the server refuses a row; the caller's savepoint then decides. */
  async apply(table: TargetTable, records: readonly SinkRecord[]): Promise<void> {
    if (records.length === 0) return;
    if (table.keys.length === 0) return this.#append(table, records);
    const whole = lastOfEachRow(records);
    if (whole === null) return this.#applyFolded(table, foldRows(records));
    // A row has one write here, so that only deletes of former batches could be newer than it.
    const { oldestUpsert } = whole;
    const isGuarded = oldestUpsert === null || !this.#isNewerThanDeletes(table, oldestUpsert);
    await this.#delete(table, whole.deletes);
    await this.#upsertWhole(table, whole.upserts, isGuarded);
  }

  async #applyFolded(table: TargetTable, rows: readonly FoldedRow[]): Promise<void> {
    const writes = await this.#resolve(table, rows);
    const groups = Map.groupBy(
      writes.filter((write) => write.kind === 'upsert'),
      // A row that starts here is written whole: what was not sent has no older value to keep.
      ({ missing, fresh }) => (fresh ? '' : missing.join()),
    );
    await this.#delete(
      table,
      writes.flatMap(({ kind, record }) => (kind === 'delete' ? [record] : [])),
    );
    for (const [missing, upserts] of groups) await this.#upsert(table, upserts, missing === '');
  }

  #isNewerThanDeletes({ label }: TargetTable, oldest: bigint): boolean {
    return oldest >= this.#newestDelete.get(label)!;
  }

  /** Rows with layers need the version that the target holds; the others do not depend on it. */
  async #resolve(table: TargetTable, rows: readonly FoldedRow[]): Promise<readonly RowWrite[]> {
    const layered = rows.filter(({ layers }) => layers.length > 1);
    const bounds = layered.length === 0 ? new Map<FoldedRow, bigint>() : await this.#bounds(table, layered);
    return rows.flatMap((row) => resolveLayers(row, bounds.get(row) ?? 0n) ?? []);
  }

  async #bounds(table: TargetTable, rows: readonly FoldedRow[]): Promise<Map<FoldedRow, bigint>> {
    const identities = rows.map(({ layers }) => identityRow(layers[0]!.record.change));
    const values = [...columnArrays(table, identities, table.keys), textArray(rows.map(({ key }) => memoryKey(key)))];
    const result = await this.#client.query<{ place: number; version: string | null }>(
      boundsSql(table, this.#services),
      [...values, table.label],
    );
    return new Map(result.rows.map(({ place, version }) => [rows[place - 1]!, BigInt(version ?? 0)]));
  }

  async #upsertWhole(table: TargetTable, upserts: readonly SinkRecord[], isGuarded: boolean): Promise<void> {
    if (upserts.length === 0) return;
    const guard = isGuarded ? this.#services : null;
    const rows = upserts.map(({ change }) => change.after!);
    const values = columnArrays(table, rows, table.columns);
    const more = guard === null ? [versionArray(upserts)] : [...guardArrays(upserts), table.label];
    await this.#client.query(upsertSql(table, table.columns, guard), [...values, ...more]);
  }

  async #upsert(table: TargetTable, writes: readonly Upsert[], whole: boolean): Promise<void> {
    const missing = new Set(whole ? [] : writes[0]!.missing);
    const columns = table.columns.filter(({ index }) => !missing.has(index));
    const values = columnArrays(
      table,
      writes.map(({ row }) => row),
      columns,
    );
    const guards = guardArrays(writes.map(({ record }) => record));
    const sql = whole ? upsertSql : partialSql;
    const { rowCount } = await this.#client.query(sql(table, columns, this.#services), [
      ...values,
      ...guards,
      table.label,
    ]);
    const incomplete = whole ? writes.filter((write) => write.missing.length > 0).length : (rowCount ?? 0);
    if (incomplete > 0) {
      this.#context.log('warn', 'rows written without columns that the source did not send', {
        table: table.label,
        rows: incomplete,
      });
    }
  }

  async #delete(table: TargetTable, records: readonly SinkRecord[]): Promise<void> {
    if (records.length === 0) return;
    const identities = records.map(({ change }) => identityRow(change));
    const values = [...columnArrays(table, identities, table.keys), ...guardArrays(records)];
    if (table.marksDeletes) values.push(textArray(records.map(({ change }) => timeText(change.timeUs))));
    const now = this.#context.clock.now();
    await this.#client.query(deleteSql(table, this.#services), [...values, table.label, now]);
    let newest = this.#newestDelete.get(table.label)!;
    for (const { change } of records) if (change.version > newest) newest = change.version;
    this.#newestDelete.set(table.label, newest);
  }

  /** Rows that a sweep below the version leaves alone. */
  async keep(table: TargetTable, keys: readonly string[], below: bigint): Promise<void> {
    if (keys.length === 0 || table.keys.length === 0) return;
    const found = keys.map((key) => rowOfKey(table.source, key));
    await this.#client.query(keepSql(table), [...columnArrays(table, found, table.keys), String(below)]);
  }

  async #append(table: TargetTable, records: readonly SinkRecord[]): Promise<void> {
    const kept = records.filter(({ change }) => change.op !== 'delete' && change.after !== null);
    if (kept.length < records.length) {
      this.#context.log('warn', 'deletes are left out: the table has no key', {
        table: table.label,
        changes: records.length - kept.length,
      });
    }
    if (kept.length === 0) return;
    const images = kept.map(({ change }) => change.after!);
    const values = [...columnArrays(table, images, table.columns), versionArray(kept)];
    await this.#client.query(appendSql(table, table.columns), values);
  }
}

function* copyPieces({ source, columns }: TargetTable, records: readonly SinkRecord[]): Generator<Buffer> {
  const rows = new CopyRows(source.columns, PIECE_BYTES * 2);
  for (const { change } of records) {
    for (const { index } of columns) rows.pushValue(change.after!, index);
    rows.pushDigits(String(change.version));
    rows.endRow();
    if (rows.length >= PIECE_BYTES) yield rows.take();
  }
  yield rows.take();
}

function columnArrays({ source }: TargetTable, rows: readonly Row[], columns: readonly TargetColumn[]): Buffer[] {
  return columns.map(({ index }) => {
    const array = new TextArray(source.columns, rows.length * 16);
    for (const row of rows) array.pushValue(row, index);
    return array.finish();
  });
}

function versionArray(records: readonly SinkRecord[]): Buffer {
  return textArray(records.map(({ change }) => String(change.version)));
}

function guardArrays(records: readonly SinkRecord[]): Buffer[] {
  return [versionArray(records), textArray(records.map(({ change }) => memoryKey(change.key)))];
}

const NO_COLUMNS: readonly Column[] = [];

function textArray(texts: readonly string[]): Buffer {
  const array = new TextArray(NO_COLUMNS, texts.length * 20);
  for (const text of texts) array.pushText(text);
  return array.finish();
}

function memoryKey(key: string): string {
  return key.length <= MAX_KEY_CHARACTERS ? key : `sha256:${createHash('sha256').update(key).digest('hex')}`;
}
