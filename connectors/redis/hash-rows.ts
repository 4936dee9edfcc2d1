/** Rows as hashes. Columns that were not sent are left alone, so the changes of a row need no merging: they run one by one. */
import { type Row, TailraceError } from '../../src/sdk/index.ts';
import { columnText } from '../../src/sdk/target/column-text.ts';
import type { FoldedRow, Layer } from '../../src/sdk/target/fold.ts';
import { identityRow } from '../../src/sdk/target/row-image.ts';
import type { CommandBuffer } from './command-buffer.ts';
import { RowCalls, type RowReplies, type Session } from './row-calls.ts';
import { APPLY_HASH, versionText } from './scripts.ts';
import type { TargetTable } from './tables.ts';

export async function applyHashes(
  session: Session,
  table: TargetTable,
  rows: readonly FoldedRow[],
): Promise<RowReplies<FoldedRow>> {
  const calls = new RowCalls<FoldedRow>(session, APPLY_HASH, table);
  const keyless = new Map<FoldedRow, TailraceError>();
  for (const row of rows) {
    try {
      const key = table.template.keyOf(identityRow(row.layers[0]!.record.change));
      for (const layer of row.layers) await calls.add(row, key, (args) => writeLayer(args, table, layer));
    } catch (error) {
      if (!(error instanceof TailraceError) || error.code !== 'sink.rejected') throw error;
      keyless.set(row, error);
    }
  }
  const replies = await calls.finish();
  return keyless.size === 0 ? replies : { ...replies, refused: new Map([...replies.refused, ...keyless]) };
}

function writeLayer(args: CommandBuffer, table: TargetTable, { record, row, missing }: Layer): void {
  const version = versionText(record.change.version);
  if (row === null) {
    args.text('d');
    args.text(version);
    return;
  }
  args.text(missing.length === 0 ? 'w' : 'p');
  args.text(version);
  const texts = textsOf(row);
  let set = 0;
  let remove = 0;
  for (const text of texts) {
    if (text === null) remove++;
    else if (text !== undefined) set++;
  }
  args.text(String(set));
  args.text(String(remove));
  for (let i = 0; i < texts.length; i++) {
    const text = texts[i];
    if (text === undefined || text === null) continue;
    args.encoded(table.fields[i]!);
    args.bytes(text);
  }
  if (remove === 0) return;
  for (let i = 0; i < texts.length; i++) if (texts[i] === null) args.encoded(table.fields[i]!);
}

function textsOf(row: Row): readonly (Uint8Array | null | undefined)[] {
  const texts = new Array<Uint8Array | null | undefined>(row.columns.length);
  for (let i = 0; i < texts.length; i++) texts[i] = columnText(row, i);
  return texts;
}
