/** Truncate and the end of a snapshot: documents of an index below a version go, and late writes below it stay out. */

import { TailraceError } from '../../src/sdk/index.ts';
import { unlessRejected } from '../../src/sdk/target/held-row.ts';
import { VERSION_COLUMN } from '../../src/sdk/target/names.ts';
import { DELETED_HOLD_MS } from '../../src/sdk/target/positions.ts';
import { rowOfKey } from '../../src/sdk/target/row-image.ts';
import { BulkWriter } from './bulk.ts';
import { documentId } from './document-id.ts';
import type { Session } from './rows.ts';
import { scanDocuments } from './scan.ts';
import { SERVICE_INDEX } from './stored-document.ts';
import type { IndexState, TargetIndex, TargetTable } from './tables.ts';

export interface Sweep {
  readonly below: bigint;
  /** Keys of rows that stay, as in `Change.key`. */
  readonly spared: readonly string[];
}

/** A repeat of a sweep that was cut short goes over all documents again; one that was done before is not repeated. */
export async function sweep(session: Session, table: TargetTable, { below, spared }: Sweep): Promise<void> {
  const { index } = table;
  if (below <= BigInt(index.state.swept)) return;
  // Invariant 7: the floor first, so that a sweep cut short lets nothing back in.
  if (below > BigInt(index.state.floor)) await store(session, index, { ...index.state, floor: String(below) });
  const query = { range: { [VERSION_COLUMN]: { lt: String(below) } } };
  await deleteFound(session, index.name, query, idsOf(table, spared));
  await store(session, index, { ...index.state, swept: String(below) });
}

/** A row that can have no document has none. */
function idsOf({ source, keys }: TargetTable, rows: readonly string[]): ReadonlySet<string> {
  const ids = rows.map((row) => unlessRejected(() => documentId(rowOfKey(source, row), keys)));
  return new Set(ids.filter((id) => id !== null));
}

/** Forgets deletes past the hold time. */
export async function forgetDeletes(session: Session, now: number): Promise<void> {
  const old = { range: { deleted_at: { lt: now - DELETED_HOLD_MS } } };
  const query = { bool: { filter: [{ term: { kind: 'deleted' } }, old] } };
  await deleteFound(session, SERVICE_INDEX, query, new Set());
}

async function store({ signal }: Session, index: TargetIndex, state: IndexState): Promise<void> {
  if (!(await index.document.write(state, signal))) {
    throw new TailraceError('sink.unreachable', `another instance changed the floor of the index ${index.name}`);
  }
  index.state = state;
}

/** Deletes what a query finds now, page by page, each document as of the version that it has. @param spared ids that stay */
async function deleteFound(session: Session, index: string, query: object, spared: ReadonlySet<string>): Promise<void> {
  const { connection, context, signal } = session;
  for await (const hits of scanDocuments(connection, index, query, signal)) {
    const bulk = new BulkWriter<string>(connection, index, context, signal);
    for (const { id, version, routing } of hits) {
      if (!spared.has(id)) await bulk.add(id, { action: 'delete', id, version, routing }, null);
    }
    await bulk.finish();
  }
}
