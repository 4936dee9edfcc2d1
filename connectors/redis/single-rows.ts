/**
 * Rows of which one column matters, or none: strings and members of sets. The changes of a row need no merging: they run one by one.
 */
import { TailraceError } from '../../src/sdk/index.ts';
import { columnText } from '../../src/sdk/target/column-text.ts';
import type { FoldedRow, Layer } from '../../src/sdk/target/fold.ts';
import { identityRow } from '../../src/sdk/target/row-image.ts';
import type { CommandBuffer } from './command-buffer.ts';
import { KeyWords } from './key-words.ts';
import { APPLY_MEMBER } from './member-script.ts';
import { versionText } from './names.ts';
import { RowCalls, type RowReplies, type Session } from './row-calls.ts';
import type { TargetTable } from './tables.ts';
import { APPLY_VALUE } from './value-script.ts';

/** The text of one column as a string; no key while it is NULL. */
export function applyStrings(session: Session, table: TargetTable, rows: readonly FoldedRow[]) {
  const calls = new RowCalls<FoldedRow>(session, APPLY_VALUE, table);
  return applySingly(calls, table, rows, (layer) => (args) => writeOperation(args, table, layer, []));
}

/** @param kind `zset`: with a score, and no member while it is NULL */
export function applyMembers(
  session: Session,
  table: TargetTable,
  rows: readonly FoldedRow[],
  kind: 'set' | 'zset',
): Promise<RowReplies<FoldedRow>> {
  const calls = new RowCalls<FoldedRow>(session, APPLY_MEMBER, table, [kind]);
  return applySingly(calls, table, rows, (layer) => {
    const { text } = table.member!.keyOf(identityRow(layer.record.change));
    return (args) => writeOperation(args, table, layer, [text]);
  });
}

/** The operation, its version, what follows in any case, and the value. */
function writeOperation(
  args: CommandBuffer,
  { value }: TargetTable,
  { record, row }: Layer,
  more: readonly string[],
): void {
  const text = row === null ? null : value < 0 ? NO_VALUE : columnText(row, value);
  args.word(text === null ? 'd' : text === undefined ? 't' : 'w');
  args.word(versionText(record.change.version));
  for (const word of more) args.text(word);
  if (text !== null && text !== undefined && text !== NO_VALUE) args.bytes(text);
}

const NO_VALUE = new Uint8Array();

/** @param operation throws `sink.rejected`, or gives what writes the operation */
async function applySingly(
  calls: RowCalls<FoldedRow>,
  table: TargetTable,
  rows: readonly FoldedRow[],
  operation: (layer: Layer) => (args: CommandBuffer) => void,
): Promise<RowReplies<FoldedRow>> {
  const keys = new KeyWords<FoldedRow>(table);
  const refused = new Map<FoldedRow, TailraceError>();
  for (const row of rows) {
    for (const layer of row.layers) {
      try {
        const write = operation(layer);
        const group = keys.write(calls, row, layer.record.change);
        if (group < 0) break;
        write(calls.next(group).args);
        const sent = calls.added(group, row, layer.record.change.version);
        if (sent !== null) await sent;
      } catch (error) {
        if (!(error instanceof TailraceError) || error.code !== 'sink.rejected') throw error;
        refused.set(row, error);
        break;
      }
    }
  }
  const replies = keys.withRefused(await calls.finish());
  return refused.size === 0 ? replies : { ...replies, refused: new Map([...replies.refused, ...refused]) };
}
