/** Writes a range that was read, while the stream stands behind all that its snapshot may have seen. */
import type { RowWriter, SourceOutput, TableSchema } from '../../src/sdk/index.ts';
import type { Key } from './key-order.ts';
import type { PendingChunk } from './pending-chunk.ts';
import type { SnapshotState } from './snapshot-state.ts';
import type { SourceProgress } from './source-progress.ts';

export interface ChunkWriting {
  readonly label: string;
  readonly chunk: PendingChunk;
  /** Before it. */
  readonly state: SnapshotState;
  readonly progress: SourceProgress;
  readonly output: SourceOutput;
  readonly failpoint: (name: string) => void;
}

/** Invariant 4: the rows, the markers and the position behind them are one transaction of the output. Resolves to its number of rows. */
export async function writeChunk(writing: ChunkWriting, signal: AbortSignal): Promise<number> {
  const { label, chunk, state, progress, output, failpoint } = writing;
  const { schema, timeUs, id: own, until } = chunk.snapshot!;
  const id = state.id === '' ? own : state.id;
  const isWholeTable = state.where === null;
  output.begin({ id, kind: 'snapshot', timeUs, position: `${until.file}:${until.pos}` });
  if (state.id === '' && isWholeTable) output.marker({ op: 'snapshot-begin', table: schema, snapshot: id });
  const writer = output.writer(schema);
  let rows = 0;
  // What was streamed of a part of the table need not belong to the part any more, and was delivered.
  for (const written of chunk.write(writer, isWholeTable, () => failpoint('source.mid-snapshot'))) {
    rows += written;
    await output.drain();
    signal.throwIfAborted();
  }
  writeDeletes(chunk, schema, writer);
  const isLast = chunk.to === null;
  if (isLast && isWholeTable) output.marker({ op: 'snapshot-end', table: schema, snapshot: id });
  const { to } = chunk;
  const now = to === null ? null : { ...state, id, to: [...to], rows: state.rows + rows };
  output.end(now === null ? progress.finish(label) : progress.setSnapshot(label, now));
  await output.drain();
  return rows;
}

/** Keys that were asked for and have no row; what the stream has said of one since was delivered. */
function writeDeletes(chunk: PendingChunk, { columns }: TableSchema, writer: RowWriter): void {
  for (const key of chunk.snapshot!.absent) {
    if (!chunk.wasTouched(key)) writeDelete(key, columns, writer);
  }
}

function writeDelete(key: Key, columns: TableSchema['columns'], writer: RowWriter): void {
  writer.begin('d');
  writer.side('before');
  for (const [i, { keyOrdinal }] of columns.entries()) {
    if (keyOrdinal === undefined) writer.unchanged(i);
    else {
      const text = Buffer.from(key[keyOrdinal - 1]!);
      writer.text(i, text, 0, text.length);
    }
  }
  writer.end();
}
