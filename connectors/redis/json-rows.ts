/**
 * Rows as JSON documents. A change without all columns is put together with the document that Redis holds, and written whole: not
 * with Lua's own JSON, which would round large numbers.
 */
import { TailraceError } from '../../src/sdk/index.ts';
import { type FoldedRow, type RowWrite, resolveLayers } from '../../src/sdk/target/fold.ts';
import { GrowingBytes } from '../../src/sdk/target/growing-bytes.ts';
import { writeDocument } from '../../src/sdk/target/json-document.ts';
import { documentMembers } from '../../src/sdk/target/json-text.ts';
import { identityRow } from '../../src/sdk/target/row-image.ts';
import type { Key } from './key-template.ts';
import { rowKey, VERSION_DIGITS, versionText } from './names.ts';
import { RowCalls, type RowReplies, type Session } from './row-calls.ts';
import type { TargetTable } from './tables.ts';
import { APPLY_VALUE } from './value-script.ts';

/** Documents read at a time. */
const READ_ROWS = 100;
/** There is one writer: another state than the one just read means that the keys were touched by hand. */
const ATTEMPTS = 5;

interface Held {
  /** As the script compares it; empty when the row is neither there nor remembered. */
  readonly memory: string;
  readonly document: string | null;
}

const scratch = new GrowingBytes();

export async function applyDocuments(
  session: Session,
  table: TargetTable,
  rows: readonly FoldedRow[],
): Promise<RowReplies<FoldedRow>> {
  const refused = new Map<FoldedRow, TailraceError>();
  const keys = keysOf(table, rows, refused);
  let stale = 0;
  let incomplete = 0;
  let left: readonly FoldedRow[] = [...keys.keys()];
  for (let attempt = 0; left.length > 0; attempt++) {
    if (attempt === ATTEMPTS) {
      throw new TailraceError('sink.unreachable', `rows of ${table.name} in Redis change while they are written`, {
        remedy: 'let nothing else write under the keys of this sink',
      });
    }
    const calls = new RowCalls<FoldedRow>(session, APPLY_VALUE, table);
    const pieces = new Set<FoldedRow>();
    for await (const [row, held] of withHeld(session, left, keys)) {
      const write = resolveLayers(row, held === null ? 0n : BigInt(held.memory.slice(0, VERSION_DIGITS) || 0));
      if (write === null) stale++;
      else if (await addWrite(calls, { row, key: keys.get(row)!, write, held })) pieces.add(row);
    }
    const replies = await calls.finish();
    stale += replies.stale;
    left = replies.changed;
    for (const row of left) pieces.delete(row);
    incomplete += pieces.size;
    for (const [row, error] of replies.refused) refused.set(row, error);
  }
  return { stale, incomplete, changed: [], refused };
}

function keysOf(table: TargetTable, rows: readonly FoldedRow[], refused: Map<FoldedRow, TailraceError>) {
  const keys = new Map<FoldedRow, Key>();
  for (const row of rows) {
    try {
      keys.set(row, table.key.keyOf(identityRow(row.layers[0]!.record.change)));
    } catch (error) {
      if (!(error instanceof TailraceError) || error.code !== 'sink.rejected') throw error;
      refused.set(row, error);
    }
  }
  return keys;
}

/** Every row, with what Redis holds where that matters: where columns are missing, or older changes may show through. */
async function* withHeld(
  { groups, signal }: Session,
  rows: readonly FoldedRow[],
  keys: ReadonlyMap<FoldedRow, Key>,
): AsyncGenerator<readonly [FoldedRow, Held | null]> {
  const partial: FoldedRow[][] = groups.map(() => []);
  for (const row of rows) {
    if (row.layers.length > 1 || row.layers[0]!.missing.length > 0) partial[keys.get(row)!.group]!.push(row);
    else yield [row, null];
  }
  for (const [group, ofGroup] of partial.entries()) {
    for (let at = 0; at < ofGroup.length; at += READ_ROWS) {
      const some = ofGroup.slice(at, at + READ_ROWS);
      const words = some.flatMap((row) => [keys.get(row)!.text, rowKey(keys.get(row)!.text)]);
      const found = (await groups[group]!.connection.call(signal, 'MGET', ...words)) as (string | null)[];
      for (const [i, row] of some.entries()) {
        yield [row, { document: found[2 * i] ?? null, memory: found[2 * i + 1] ?? '' }];
      }
    }
  }
}

interface Addition {
  readonly row: FoldedRow;
  readonly key: Key;
  readonly write: RowWrite;
  readonly held: Held | null;
}

/** True when columns are missing that nobody knows. */
async function addWrite(calls: RowCalls<FoldedRow>, { row, key, write, held }: Addition): Promise<boolean> {
  const { keys, args } = calls.next(key.group);
  const version = versionText(write.version);
  keys.text(key.text);
  let incomplete = false;
  if (write.kind === 'delete') {
    args.word('d');
    args.word(version);
  } else {
    const stored = write.fresh ? undefined : documentMembers(held?.document);
    incomplete = write.missing.length > 0 && !write.fresh && stored === undefined;
    scratch.clear();
    writeDocument(scratch, write.row, { stored });
    args.word(held === null ? 'w' : 'c');
    args.word(version);
    if (held !== null) args.text(held.memory);
    args.bytes(scratch.view());
  }
  await calls.added(key.group, row, write.version);
  return incomplete;
}
