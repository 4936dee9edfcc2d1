/** Rows as hashes. Columns that were not sent are left alone, so the changes of a row need no merging: they run one by one. */
import type { SinkRecord } from '../../src/sdk/index.ts';
import { columnText } from '../../src/sdk/target/column-text.ts';
import type { FoldedRow, Layer } from '../../src/sdk/target/fold.ts';
import { layerOf } from '../../src/sdk/target/fold.ts';
import { ColumnWords } from './column-words.ts';
import type { CommandBuffer } from './command-buffer.ts';
import { APPLY_HASH } from './hash-script.ts';
import { KeyWords } from './key-words.ts';
import { versionText } from './names.ts';
import { RowCalls, type RowReplies, type Session } from './row-calls.ts';
import type { TargetTable } from './tables.ts';

export async function applyHashes(
  session: Session,
  table: TargetTable,
  rows: readonly FoldedRow[],
): Promise<RowReplies<FoldedRow>> {
  const calls = new RowCalls<FoldedRow>(session, APPLY_HASH, table, namesOf(table));
  const keys = new KeyWords<FoldedRow>(table);
  for (const row of rows) {
    for (const layer of row.layers) {
      const group = keys.write(calls, row, layer.record.change);
      if (group < 0) break;
      writeLayer(calls.next(group).args, table, layer);
      const sent = calls.added(group, row, layer.record.change.version);
      if (sent !== null) await sent;
    }
  }
  return keys.withRefused(await calls.finish());
}

export interface DirectReplies extends RowReplies<SinkRecord> {
  /** How many of the records were written, from the first one on. */
  readonly taken: number;
}

/**
 * Changes in their order, without a look at which are of one row: what is right as long as each says all of its row, a delete
 * included. Stops before the first that does not.
 */
export async function applyWholeHashes(
  session: Session,
  table: TargetTable,
  records: readonly SinkRecord[],
): Promise<DirectReplies> {
  const calls = new RowCalls<SinkRecord>(session, APPLY_HASH, table, namesOf(table));
  const keys = new KeyWords<SinkRecord>(table);
  const words = new ColumnWords(calls.next(0).args);
  let taken = 0;
  for (; taken < records.length; taken++) {
    const record = records[taken]!;
    const { change } = record;
    const { version } = change;
    const row = change.op === 'delete' ? null : change.after;
    if (row !== null && !isWhole(row)) break;
    const group = keys.write(calls, record, change);
    if (group < 0) continue;
    const { args } = calls.next(group);
    const { byteLength, count } = args;
    args.word(versionText(version));
    if (row === null || !words.all(args, row)) {
      args.cut(byteLength, count);
      writeLayer(args, table, layerOf(record));
    }
    const sent = calls.added(group, record, version);
    if (sent !== null) await sent;
  }
  return { ...keys.withRefused(await calls.finish()), taken };
}

function isWhole(row: Layer['row'] & object): boolean {
  for (let i = 0; i < row.columns.length; i++) {
    if (!(row.has === undefined ? row.bytes(i) !== undefined : row.has(i))) return false;
  }
  return true;
}

function namesOf({ source }: TargetTable): readonly string[] {
  return source.columns.map(({ name }) => name);
}

/** The long form, see hash-script.ts. */
function writeLayer(args: CommandBuffer, { source }: TargetTable, { record, row, missing }: Layer): void {
  const version = versionText(record.change.version);
  if (row === null) {
    args.word('d');
    args.word(version);
    return;
  }
  args.word(missing.length === 0 ? 'w' : 'p');
  args.word(version);
  const texts = source.columns.map((_, i) => columnText(row, i));
  args.word(String(texts.filter((text) => text !== null && text !== undefined).length));
  args.word(String(texts.filter((text) => text === null).length));
  for (const [i, text] of texts.entries()) {
    if (text === undefined || text === null) continue;
    args.text(source.columns[i]!.name);
    args.bytes(text);
  }
  for (const [i, text] of texts.entries()) if (text === null) args.text(source.columns[i]!.name);
}
