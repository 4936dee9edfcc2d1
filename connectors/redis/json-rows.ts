/** Rows as JSON documents. A change without all columns is put together with the document that Redis holds, and written whole. */
import { TailraceError } from '../../src/sdk/index.ts';
import { type FoldedRow, type RowWrite, resolveLayers } from '../../src/sdk/target/fold.ts';
import { GrowingBytes } from '../../src/sdk/target/growing-bytes.ts';
import { writeDocument } from '../../src/sdk/target/json-document.ts';
import { documentMembers } from '../../src/sdk/target/json-text.ts';
import { identityRow } from '../../src/sdk/target/row-image.ts';
import type { CommandBuffer } from './command-buffer.ts';
import { RowCalls, type RowReplies, type Session } from './row-calls.ts';
import { APPLY_JSON, jsonRowKey, versionText } from './scripts.ts';
import type { TargetTable } from './tables.ts';

/** Documents read at a time. */
const READ_ROWS = 100;
/** There is one writer: another state than the one just read means that the keys were touched by hand. */
const ATTEMPTS = 5;
const VERSION_DIGITS = 19;

interface Held {
  /** As the script compares it; empty when the row is neither there nor remembered. */
  readonly memory: string;
  readonly document: string | null;
}

const scratch = new GrowingBytes();

const NOTHING: Held = { memory: '', document: null };

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
    const calls = new RowCalls<FoldedRow>(session, APPLY_JSON, table);
    const pieces = new Set<FoldedRow>();
    for await (const [row, held] of withHeld(session, left, keys)) {
      const write = resolveLayers(row, held === null ? 0n : BigInt(held.memory.slice(0, VERSION_DIGITS) || 0));
      if (write === null) stale++;
      else if (await addWrite(calls, row, keys.get(row)!, write, held)) pieces.add(row);
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
  const keys = new Map<FoldedRow, string>();
  for (const row of rows) {
    try {
      keys.set(row, table.template.keyOf(identityRow(row.layers[0]!.record.change)));
    } catch (error) {
      if (!(error instanceof TailraceError) || error.code !== 'sink.rejected') throw error;
      refused.set(row, error);
    }
  }
  return keys;
}

/** Every row, with what Redis holds where that matters: where columns are missing, or older changes may show through. */
async function* withHeld(
  { connection, signal }: Session,
  rows: readonly FoldedRow[],
  keys: ReadonlyMap<FoldedRow, string>,
): AsyncGenerator<readonly [FoldedRow, Held | null]> {
  const matters = ({ layers }: FoldedRow) => layers.length > 1 || layers[0]!.missing.length > 0;
  for (const row of rows) if (!matters(row)) yield [row, null];
  const partial = rows.filter(matters);
  for (let at = 0; at < partial.length; at += READ_ROWS) {
    const some = partial.slice(at, at + READ_ROWS);
    const words = some.flatMap((row) => [keys.get(row)!, jsonRowKey(keys.get(row)!)]);
    const found = (await connection.call(signal, 'MGET', ...words)) as (string | null)[];
    for (const [i, row] of some.entries()) {
      yield [row, { document: found[2 * i] ?? null, memory: found[2 * i + 1] ?? '' }];
    }
  }
}

/** True when columns are missing that nobody knows. */
async function addWrite(
  calls: RowCalls<FoldedRow>,
  row: FoldedRow,
  key: string,
  write: RowWrite,
  held: Held | null,
): Promise<boolean> {
  const version = versionText(write.version);
  if (write.kind === 'delete') {
    await calls.add(row, key, texts(['d', version]));
    return false;
  }
  const { document: text, memory } = held ?? NOTHING;
  const stored = write.fresh ? undefined : documentMembers(text);
  scratch.clear();
  writeDocument(scratch, write.row, { stored });
  const words = held === null ? ['w', version] : ['c', version, memory];
  await calls.add(row, key, (args) => {
    texts(words)(args);
    args.bytes(scratch.view());
  });
  return write.missing.length > 0 && !write.fresh && stored === undefined;
}

function texts(words: readonly string[]): (args: CommandBuffer) => void {
  return (args) => {
    for (const word of words) args.text(word);
  };
}
