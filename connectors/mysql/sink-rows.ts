/** Writes folded rows of one table. Invariant 7 is in each statement, or in the versions that are read under a lock before. */

import { type ConnectorContext, type Row, TailraceError } from '../../src/sdk/index.ts';
import { type FoldedRow, type RowWrite, resolveLayers } from '../../src/sdk/target/fold.ts';
import { VERSION_COLUMN } from '../../src/sdk/target/names.ts';
import { identityRow, rowOfKey } from '../../src/sdk/target/row-image.ts';
import { DELETED_AT_COLUMN, timeText } from '../../src/sdk/target/soft-delete.ts';
import type { Connection } from './connections.ts';
import { query } from './connections.ts';
import { quoteLiteral, quoteName } from './names.ts';
import type { RememberedDelete, TargetOffsets, UpsertForm } from './sink-offsets.ts';
import type { TargetTable } from './sink-tables.ts';
import { literal, sentLiteral } from './sink-values.ts';

const VERSION = quoteName(VERSION_COLUMN);
const DELETED_AT = quoteName(DELETED_AT_COLUMN);
/** One statement: so many rows, and about so many characters. */
const ROWS = 1_000;
const CHARACTERS = 2 ** 20;

export interface RowParts {
  readonly connection: Connection;
  readonly offsets: TargetOffsets;
  readonly upsert: UpsertForm;
  readonly context: ConnectorContext;
}

export class RowApplier {
  readonly #parts: RowParts;

  constructor(parts: RowParts) {
    this.#parts = parts;
  }

  /** Rows of different keys. Throws when the server refuses any; then the caller takes back what was written. */
  async apply(table: TargetTable, rows: readonly FoldedRow[]): Promise<void> {
    const deleted = await this.#parts.offsets.deletes(
      table.label,
      rows.map(({ key }) => key),
    );
    const upserts: string[] = [];
    const deletes: Deletion[] = [];
    const layered: FoldedRow[] = [];
    for (const row of rows) {
      const last = row.layers.at(-1)!;
      if (row.layers.length > 1 || last.missing.length > 0) {
        layered.push(row);
        continue;
      }
      const write = resolveLayers(row, deleted.get(row.key) ?? 0n);
      if (write?.kind === 'upsert') upserts.push(valuesOf(write.row, table.columns, write.version));
      else if (write?.kind === 'delete') deletes.push(deleteOf(table, write));
    }
    for (const chunk of chunks(upserts)) await this.#write(this.#upsertSql(table, chunk));
    await this.#delete(table, deletes);
    await this.#parts.offsets.remember(
      table.label,
      deletes.map(({ remember }) => remember),
    );
    for (const row of layered) await this.#layered(table, row, deleted.get(row.key) ?? 0n);
  }

  /** Rows of a table without key: once per change. */
  async append(table: TargetTable, rows: readonly FoldedRow[]): Promise<void> {
    const values: string[] = [];
    for (const { layers } of rows) {
      const { row, record } = layers[0]!;
      if (row !== null) values.push(valuesOf(row, table.columns, record.change.version));
      else this.#parts.context.log('warn', 'a delete is left out: the table has no key', { table: table.label });
    }
    for (const chunk of chunks(values)) await this.#write(`${insertInto(table, table.columns)} ${chunk.join(', ')}`);
  }

  async #delete(table: TargetTable, deletes: readonly Deletion[]): Promise<void> {
    if (table.marksDeletes) {
      for (const { where, mark } of deletes) await this.#write(`UPDATE ${table.name} SET ${mark} WHERE ${where}`);
      return;
    }
    for (const chunk of chunks(deletes.map(({ where }) => where))) {
      await this.#write(`DELETE FROM ${table.name} WHERE ${chunk.join(' OR ')}`);
    }
  }

  /** Deletes what is older than the version, or marks it. @param timeUs of the marker */
  async sweep({ name, marksDeletes }: TargetTable, below: bigint, timeUs: number): Promise<void> {
    const where = `WHERE ${VERSION} < ${below}`;
    if (!marksDeletes) await this.#write(`DELETE FROM ${name} ${where}`);
    else
      await this.#write(`UPDATE ${name} SET ${DELETED_AT} = ${timeLiteral(timeUs)} ${where} AND ${DELETED_AT} IS NULL`);
  }

  /** Rows that a sweep below the version leaves alone get that version. */
  async keep(table: TargetTable, keys: readonly string[], below: bigint): Promise<void> {
    if (table.keys.length === 0) return;
    const places = keys.map((key) => `(${sameKey(table, rowOfKey(table.source, key))})`);
    for (const chunk of chunks(places)) {
      const where = `(${chunk.join(' OR ')}) AND ${VERSION} < ${below}`;
      await this.#write(`UPDATE ${table.name} SET ${VERSION} = ${below} WHERE ${where}`);
    }
  }

  /** Strictly older versions leave the row as it is. The version comes last: assignments are made in their order. */
  #upsertSql(table: TargetTable, rows: readonly string[]): string {
    const { row, of } = this.#parts.upsert;
    const stored = `${table.name}.${VERSION}`;
    const assigned = table.columns
      .filter((index) => !table.keys.includes(index))
      .map((index) => columnName(table, index))
      .map((name) => `${name} = IF(${of(VERSION)} >= ${stored}, ${of(name)}, ${table.name}.${name})`);
    assigned.push(`${VERSION} = GREATEST(${stored}, ${of(VERSION)})`);
    return `${insertInto(table, table.columns)} ${rows.join(', ')} ${row} ON DUPLICATE KEY UPDATE ${assigned.join(', ')}`;
  }

  /** A row of which some columns were not sent: they keep their value (Invariant 9). */
  async #layered(table: TargetTable, folded: FoldedRow, deleted: bigint): Promise<void> {
    const where = sameKey(table, identityRow(folded.layers.at(-1)!.record.change));
    const [stored] = await query<{ version: string }>(
      this.#parts.connection,
      `SELECT ${VERSION} AS version FROM ${table.name} WHERE ${where} FOR UPDATE`,
    );
    const version = stored === undefined ? 0n : BigInt(stored.version);
    const write = resolveLayers(folded, version > deleted ? version : deleted);
    if (write === null) return;
    if (write.kind === 'delete') {
      await this.#delete(table, [deleteOf(table, write)]);
      await this.#parts.offsets.remember(table.label, [{ key: write.key, version: write.version }]);
    } else if (stored === undefined || write.fresh) await this.#insertPartial(table, write, where);
    else await this.#updatePartial(table, write, where);
  }

  async #insertPartial(table: TargetTable, write: RowWrite & { kind: 'upsert' }, where: string): Promise<void> {
    const sent = table.columns.filter((index) => !write.missing.includes(index));
    if (write.fresh) await this.#write(`DELETE FROM ${table.name} WHERE ${where}`);
    else if (write.missing.length > 0) {
      const fields = { table: table.label, rows: 1 };
      this.#parts.context.log('warn', 'rows written without columns that the source did not send', fields);
    }
    await this.#write(`${insertInto(table, sent)} ${valuesOf(write.row, sent, write.version)}`);
  }

  async #updatePartial(table: TargetTable, write: RowWrite & { kind: 'upsert' }, where: string): Promise<void> {
    const set = table.columns.flatMap((index) => {
      const value = literal(write.row, index);
      return value === undefined ? [] : [`${columnName(table, index)} = ${value}`];
    });
    await this.#write(
      `UPDATE ${table.name} SET ${[...set, `${VERSION} = ${write.version}`].join(', ')} WHERE ${where}`,
    );
  }

  /** Invariant 9: the server only warns where it rounds or cuts a value. */
  async #write(sql: string): Promise<void> {
    const warnings = await new Promise<number>((resolve, reject) => {
      this.#parts.connection.query(sql, (error, result) => {
        if (error) reject(error);
        else resolve((result as { warningStatus?: number }).warningStatus ?? 0);
      });
    });
    if (warnings > 0) throw new TailraceError('sink.rejected', 'the target would change a value of the row');
  }
}

function valuesOf(row: Row, columns: readonly number[], version: bigint): string {
  return `(${[...columns.map((index) => sentLiteral(row, index)), version].join(', ')})`;
}

const columnName = ({ source }: TargetTable, index: number): string => quoteName(source.columns[index]!.name);

function insertInto(table: TargetTable, columns: readonly number[]): string {
  const names = [...columns.map((index) => columnName(table, index)), VERSION];
  return `INSERT INTO ${table.name} (${names.join(', ')}) VALUES`;
}

function sameKey(table: TargetTable, row: Row): string {
  return table.keys.map((index) => `${columnName(table, index)} = ${sentLiteral(row, index)}`).join(' AND ');
}

interface Deletion {
  readonly where: string;
  /** What a target that marks deletes sets; a row that was marked before keeps its time. */
  readonly mark: string;
  readonly remember: RememberedDelete;
}

function deleteOf(table: TargetTable, { key, version, record: { change } }: RowWrite & { kind: 'delete' }): Deletion {
  const where = `(${sameKey(table, identityRow(change))} AND ${VERSION} <= ${version})`;
  const mark = `${DELETED_AT} = COALESCE(${DELETED_AT}, ${timeLiteral(change.timeUs)}), ${VERSION} = ${version}`;
  return { where, mark, remember: { key, version } };
}

const timeLiteral = (timeUs: number): string => quoteLiteral(timeText(timeUs).replace('T', ' ').replace('Z', ''));

function* chunks(parts: readonly string[]): Iterable<readonly string[]> {
  let chunk: string[] = [];
  let characters = 0;
  for (const part of parts) {
    if (chunk.length >= ROWS || (chunk.length > 0 && characters + part.length > CHARACTERS)) {
      yield chunk;
      chunk = [];
      characters = 0;
    }
    chunk.push(part);
    characters += part.length;
  }
  if (chunk.length > 0) yield chunk;
}
