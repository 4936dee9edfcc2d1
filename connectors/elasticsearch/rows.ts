/** Applies rows: looks up what the writes depend on, puts documents together, sends them in bulk. */
import { type ConnectorContext, TailraceError } from '../../src/sdk/index.ts';
import { type FoldedRow, type RowWrite, resolveLayers } from '../../src/sdk/target/fold.ts';
import { writeDocument } from '../../src/sdk/target/json-document.ts';
import { documentMembers, jsonElements, jsonMembers } from '../../src/sdk/target/json-text.ts';
import { VERSION_COLUMN } from '../../src/sdk/target/names.ts';
import { identityRow } from '../../src/sdk/target/row-image.ts';
import { BulkWriter } from './bulk.ts';
import type { EsConnection } from './connection.ts';
import { documentId, memoryId } from './document-id.ts';
import { SERVICE_INDEX } from './stored-document.ts';
import type { TargetIndex, TargetTable } from './tables.ts';

/** Documents asked for at a time. */
const READ_DOCUMENTS = 200;

export interface Session {
  readonly connection: EsConnection;
  readonly context: ConnectorContext;
  readonly signal: AbortSignal;
}

export interface RowReplies {
  readonly stale: number;
  readonly incomplete: number;
  readonly refused: ReadonlyMap<FoldedRow, TailraceError>;
}

/** What the target holds of a row. */
interface Held {
  readonly version: bigint;
  readonly document: ReadonlyMap<string, string> | undefined;
}

/** Where a document is, as `_mget` asks for it. */
interface Place {
  readonly _id: string;
  readonly routing?: string;
}

export async function applyDocuments(
  session: Session,
  table: TargetTable,
  rows: readonly FoldedRow[],
): Promise<RowReplies> {
  const { index } = table;
  const refused = new Map<FoldedRow, TailraceError>();
  const ids = idsOf(table, rows, refused);
  const held = await lookUp(session, table, ids);
  const writes: (readonly [FoldedRow, RowWrite])[] = [];
  for (const row of ids.keys()) {
    const write = resolveLayers(row, held.get(row)?.version ?? 0n);
    if (write !== null) writes.push([row, write]);
  }
  await rememberDeletes(session, index, ids, writes);
  const bulk = new BulkWriter<FoldedRow>(session.connection, index.name, session.context, session.signal);
  const routing = (row: FoldedRow) => table.routing(identityRow(row.layers[0]!.record.change));
  const pieces = new Set<FoldedRow>();
  for (const [row, write] of writes) {
    const stored = write.kind === 'upsert' && !write.fresh ? held.get(row)?.document : undefined;
    if (write.kind === 'upsert' && write.missing.length > 0 && !write.fresh && stored === undefined) pieces.add(row);
    const action = write.kind === 'delete' ? 'delete' : 'index';
    const operation = { action, id: ids.get(row)!, version: write.version, routing: routing(row) } as const;
    await bulk.add(row, operation, documentWriter(write, stored));
  }
  const replies = await bulk.finish();
  for (const [row, error] of replies.refused) {
    refused.set(row, error);
    pieces.delete(row);
  }
  return { stale: replies.stale + ids.size - writes.length, incomplete: pieces.size, refused };
}

function documentWriter(write: RowWrite, stored: ReadonlyMap<string, string> | undefined) {
  if (write.kind === 'delete') return null;
  const last = [VERSION_COLUMN, String(write.version)] as const;
  return (out: Parameters<typeof writeDocument>[0]) => writeDocument(out, write.row, { stored, last });
}

function idsOf({ keys }: TargetTable, rows: readonly FoldedRow[], refused: Map<FoldedRow, TailraceError>) {
  const ids = new Map<FoldedRow, string>();
  for (const row of rows) {
    try {
      ids.set(row, documentId(identityRow(row.layers[0]!.record.change), keys));
    } catch (error) {
      if (!(error instanceof TailraceError) || error.code !== 'sink.rejected') throw error;
      refused.set(row, error);
    }
  }
  return ids;
}

/**
 * Documents of rows that are written in part, or of which older changes may show through; remembered deletes of those and of
 * rows whose change may be late: below the highest delete. The server remembers deletes too, but not for long.
 */
async function lookUp(
  session: Session,
  { index, routing }: TargetTable,
  ids: ReadonlyMap<FoldedRow, string>,
): Promise<ReadonlyMap<FoldedRow, Held>> {
  const rows = [...ids.keys()];
  const partial = rows.filter(({ layers }) => layers.length > 1 || layers[0]!.missing.length > 0);
  const late = rows.filter(({ layers }) =>
    layers.some(({ row, record }) => row !== null && record.change.version < index.deletes),
  );
  const placeOf = (row: FoldedRow): Place => {
    const route = routing(identityRow(row.layers[0]!.record.change));
    return { _id: ids.get(row)!, ...(route !== null && { routing: route }) };
  };
  const documents = await getAll(session, index.name, partial.map(placeOf), true);
  const memories = await getAll(
    session,
    SERVICE_INDEX,
    late.map((row) => ({ _id: memoryId(index.memory, ids.get(row)!) })),
    false,
  );
  const held = new Map<FoldedRow, Held>();
  for (const [i, row] of partial.entries()) if (documents[i] !== null) held.set(row, documents[i]!);
  for (const [i, row] of late.entries()) {
    const known = held.get(row);
    const version = memories[i]?.version ?? 0n;
    if (version > (known?.version ?? 0n)) held.set(row, { version, document: known?.document });
  }
  return held;
}

/** Realtime, in the order of the ids; null where there is none. With a filter on the answer the server would rewrite numbers. */
async function getAll(
  { connection, signal }: Session,
  index: string,
  places: readonly Place[],
  source: boolean,
): Promise<readonly (Held | null)[]> {
  const found: (Held | null)[] = [];
  for (let at = 0; at < places.length; at += READ_DOCUMENTS) {
    const path = `/${encodeURIComponent(index)}/_mget`;
    const body = JSON.stringify({ docs: places.slice(at, at + READ_DOCUMENTS) });
    const query = { _source: String(source) };
    const { text } = await connection.ask({ method: 'POST', path, query, body, signal });
    for (const document of jsonElements(jsonMembers(text).get('docs')!)) found.push(heldIn(document, index, source));
  }
  return found;
}

function heldIn(text: string, index: string, source: boolean): Held | null {
  const members = jsonMembers(text);
  if (members.has('error')) {
    throw new TailraceError('sink.unreachable', `documents of the index ${index} cannot be read now`, { detail: text });
  }
  if (members.get('found') !== 'true') return null;
  const document = source ? documentMembers(members.get('_source')) : undefined;
  if (source && document === undefined) {
    throw new TailraceError(
      'sink.not_ready',
      `the index ${index} does not keep _source, so rows sent in part cannot be merged`,
      {
        remedy: 'make the index again with _source enabled',
      },
    );
  }
  return { version: BigInt(members.get('_version')!), document };
}

/** Before the deletes themselves: a crash in between repeats them. */
async function rememberDeletes(
  { connection, context, signal }: Session,
  index: TargetIndex,
  ids: ReadonlyMap<FoldedRow, string>,
  writes: readonly (readonly [FoldedRow, RowWrite])[],
): Promise<void> {
  const deletes = writes.filter(([, { kind }]) => kind === 'delete');
  if (deletes.length === 0) return;
  const bulk = new BulkWriter<FoldedRow>(connection, SERVICE_INDEX, context, signal);
  const name = JSON.stringify(index.memory);
  for (const [row, { version }] of deletes) {
    const memory = `{"kind":"deleted","index":${name},"version":${version},"deleted_at":${context.clock.now()}}`;
    const id = memoryId(index.memory, ids.get(row)!);
    await bulk.add(row, { action: 'index', id, version, routing: null }, (out) => void out.text(memory));
    if (version > index.deletes) index.deletes = version;
  }
  const [refused] = (await bulk.finish()).refused.values();
  if (refused !== undefined) throw refused;
}
