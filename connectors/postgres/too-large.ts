/**
 * Rows that the server cannot send: it makes no text above 1 GB, and writes a bytea with two digits a byte. Its error names
 * neither the table nor the column, so they are looked for.
 */
import { TailraceError } from '../../src/sdk/index.ts';
import type { Rows } from './catalog.ts';
import { keyOf } from './descriptions.ts';
import { quoteName } from './names.ts';
import { type CapturedTable, createPublicationSql, fromTable } from './publication.ts';
import { TooLargeRow } from './source-errors.ts';

/** Less than what is refused: the other columns of a row come to it. */
const LIMIT_BYTES = 1_000_000_000;
/** Of a row that is too large: the columns that make it so. */
const LARGE_BYTES = 100_000_000;
/** What is out of line is not read for its length, but the table is. */
const LOOK_MS = 10_000;
const COLUMN_LISTS_VERSION = 150_000;

/** Bytes of text for each byte, of types that tell their length without being read. */
const TEXT_BYTES: ReadonlyMap<number, number> = new Map([
  [17, 2], // bytea
  [25, 1], // text
  [114, 1], // json
  [1042, 1], // bpchar
  [1043, 1], // varchar
]);

export interface LargeColumns {
  readonly table: CapturedTable;
  readonly columns: readonly { readonly name: string; readonly textBytes: number }[];
}

/** A row whose text is above the limit; null when none is found, or not in time. */
export async function findTooLarge(
  rows: Rows,
  tables: readonly CapturedTable[],
  limit = { row: LIMIT_BYTES, column: LARGE_BYTES },
): Promise<LargeColumns | null> {
  for (const table of tables) {
    const columns = table.catalog.columns.filter(({ type, generated }) => TEXT_BYTES.has(type) && !generated);
    if (columns.length === 0) continue;
    const sizes = columns.map(
      ({ name, type }, i) => `coalesce(octet_length(${quoteName(name)})::int8 * ${TEXT_BYTES.get(type)}, 0) AS c${i}`,
    );
    const sum = columns.map((_, i) => `c${i}`).join(' + ');
    const sql = `SELECT * FROM (SELECT ${sizes.join(', ')} FROM ${fromTable(table)}) s WHERE ${sum} > ${limit.row} LIMIT 1`;
    const [found] = await rows<Record<string, string>>(sql);
    if (found === undefined) continue;
    const large = columns.map(({ name }, i) => ({ name, textBytes: Number(found[`c${i}`]) }));
    return { table, columns: large.filter(({ textBytes }) => textBytes > limit.column) };
  }
  return null;
}

/** The error with the column and what leaves it out; others as they are. */
export async function withLargeColumns(
  error: TailraceError,
  rows: Rows,
  publication: string,
  tables: readonly CapturedTable[],
): Promise<TailraceError> {
  if (!(error instanceof TooLargeRow)) return error;
  try {
    const [server] = await rows<{ version: number }>(
      `SELECT current_setting('server_version_num')::int AS version, set_config('statement_timeout', '${LOOK_MS}', false)`,
    );
    const found = await findTooLarge(rows, tables);
    if (found === null) return error;
    const { detail, cause } = error;
    const what = found.columns.map(({ name, textBytes }) => `${name} (${Math.round(textBytes / 1e6)} MB as text)`);
    const message = `${error.message}: a row of ${found.table.label} is too large by ${what.join(', ')}`;
    const remedy = remedyOf(found, publication, tables, server!.version) ?? error.remedy;
    return new TailraceError(error.code, message, {
      ...(remedy === undefined ? {} : { remedy }),
      ...(detail === undefined ? {} : { detail }),
      cause,
    });
  } catch {
    return error;
  } finally {
    await rows(`SELECT set_config('statement_timeout', '0', false)`).catch(() => {});
  }
}

/** Undefined where the columns cannot be left out: of the key, beside replica identity FULL, before version 15. */
function remedyOf(
  { table, columns }: LargeColumns,
  publication: string,
  tables: readonly CapturedTable[],
  version: number,
): string | null {
  const large = columns.map(({ name }) => name);
  const isNeeded = table.catalog.identity === 'f' || keyOf(table.catalog).some((key) => large.includes(key));
  if (version < COLUMN_LISTS_VERSION || isNeeded) return null;
  const kept = table.catalog.columns.filter(({ name, generated }) => !generated && !large.includes(name));
  const name = `${publication.slice(0, 50)}_without`;
  const sql = createPublicationSql(name, tables).replace(
    fromTable(table),
    () => `${fromTable(table)} (${kept.map((column) => quoteName(column.name)).join(', ')})`,
  );
  return `make the value smaller, or leave it out: ${sql} then set \`publication: ${name}\` and \`on_gap: resnapshot\` on the source`;
}
