/**
 * Writes rows. Each is a transaction within the transaction of many: etcd itself compares the version that it holds of the row with
 * the one that is to be written, so that nothing is read beforehand, and a late write does nothing (Invariant 7).
 */
import {
  documentMembers,
  type FoldedRow,
  GrowingBytes,
  type RowWrite,
  resolveLayers,
  TailraceError,
  writeDocument,
} from 'tailrace/sdk';
import { base64, type EtcdClient, textOf } from './client.ts';
import { TOO_LARGE } from './errors.ts';
import type { DeleteLease } from './lease.ts';
import type { Compare, KeyValue, RequestOp } from './messages.ts';
import { rowKey, versionKey, versionText } from './names.ts';
import type { Positions } from './positions.ts';
import type { TargetTable } from './tables.ts';

/** etcd takes 128 operations in a transaction unless it is told otherwise; those within one count with it. */
export const MAX_ROWS = 100;
/** Of the rows of one transaction; etcd takes 1.5 MiB. One larger row goes alone. */
const MAX_BYTES = 1 << 20;
/** Rows read at a time, when columns are missing. */
const READ_ROWS = 16;
/** There is one writer: another state than the one just read means that the keys were touched by hand. */
const ATTEMPTS = 5;

export interface Session {
  readonly client: EtcdClient;
  readonly positions: Positions;
  readonly lease: DeleteLease;
  readonly signal: AbortSignal;
}

export interface Written {
  readonly refused: ReadonlyMap<FoldedRow, TailraceError>;
  /** Left out: etcd holds newer ones. */
  readonly stale: number;
  /** Written without columns that nobody knows. */
  readonly incomplete: number;
}

interface Item {
  readonly row: FoldedRow;
  readonly operation: RequestOp;
  readonly bytes: number;
  /** What it means that the comparison of the operation holds. */
  readonly ifHolds: 'stale' | 'written';
  readonly incomplete: boolean;
}

/** Rows of different keys. */
export async function writeRows(session: Session, table: TargetTable, rows: readonly FoldedRow[]): Promise<Written> {
  const refused = new Map<FoldedRow, TailraceError>();
  const counts = { stale: 0, incomplete: 0 };
  const keys = keysOf(table, rows, refused);
  let left: readonly FoldedRow[] = [...keys.keys()];
  for (let attempt = 0; left.length > 0; attempt++) {
    if (attempt === ATTEMPTS) {
      throw new TailraceError('sink.unreachable', `rows of ${table.name} in etcd change while they are written`, {
        remedy: 'let nothing else write below the prefix of this sink',
      });
    }
    const items: Item[] = [];
    for await (const item of itemsOf(session, keys, left)) {
      if (item === null) counts.stale++;
      else items.push(item);
    }
    const changed: FoldedRow[] = [];
    await send(session, items, refused, (item, holds) => {
      if (item.ifHolds === 'written' && !holds) changed.push(item.row);
      else if (item.ifHolds === 'stale' && holds) counts.stale++;
      else if (item.incomplete) counts.incomplete++;
    });
    left = changed;
  }
  return { refused, ...counts };
}

function keysOf(table: TargetTable, rows: readonly FoldedRow[], refused: Map<FoldedRow, TailraceError>) {
  const keys = new Map<FoldedRow, string>();
  for (const row of rows) {
    try {
      keys.set(row, rowKey(table.prefix, row.key));
    } catch (error) {
      if (!(error instanceof TailraceError) || error.code !== 'sink.rejected') throw error;
      refused.set(row, error);
    }
  }
  return keys;
}

/** Null for a row of which etcd is known to hold a newer version. */
async function* itemsOf(
  session: Session,
  keys: ReadonlyMap<FoldedRow, string>,
  rows: readonly FoldedRow[],
): AsyncGenerator<Item | null> {
  const partial: FoldedRow[] = [];
  for (const row of rows) {
    const [layer] = row.layers;
    if (row.layers.length > 1 || layer!.missing.length > 0) partial.push(row);
    else yield wholeItem(row, keys.get(row)!, resolveLayers(row, 0n)!, await leaseFor(session, layer!.row === null));
  }
  for (let at = 0; at < partial.length; at += READ_ROWS) {
    const some = partial.slice(at, at + READ_ROWS);
    const names = some.flatMap((row) => [keys.get(row)!, versionKey(keys.get(row)!)]);
    const found = await session.client.get(names, session.signal);
    for (const [i, row] of some.entries()) {
      const held = { document: found[2 * i], version: found[2 * i + 1] };
      const write = resolveLayers(row, BigInt(textOf(held.version?.value) || 0));
      const lease = await leaseFor(session, write?.kind === 'delete');
      yield write === null ? null : exactItem(row, keys.get(row)!, write, held, lease);
    }
  }
}

const leaseFor = async ({ lease, signal }: Session, isDelete: boolean) =>
  isDelete ? await lease.id(signal) : undefined;

/** Written unless etcd holds a newer version. */
function wholeItem(row: FoldedRow, key: string, write: RowWrite, lease: string | undefined): Item {
  const { operations, bytes } = operationsOf(key, write, undefined, lease);
  const version = base64(versionText(write.version));
  // A key that is not there is not greater: the comparison fails and the row is written.
  const newer: Compare = { key: base64(versionKey(key)), target: 'VALUE', result: 'GREATER', value: version };
  const operation = { request_txn: { compare: [newer], success: [], failure: operations } };
  return { row, operation, bytes, ifHolds: 'stale', incomplete: false };
}

interface Held {
  readonly document: KeyValue | undefined;
  readonly version: KeyValue | undefined;
}

/** Put together with what etcd holds; written if that is still so. */
function exactItem(row: FoldedRow, key: string, write: RowWrite, held: Held, lease: string | undefined): Item {
  const isFresh = write.kind === 'upsert' && write.fresh;
  const stored = isFresh || held.document === undefined ? undefined : documentMembers(textOf(held.document.value));
  const { operations, bytes } = operationsOf(key, write, stored, lease);
  const unchanged = (name: string, found: KeyValue | undefined): Compare => {
    return { key: base64(name), target: 'MOD', result: 'EQUAL', mod_revision: found?.mod_revision ?? '0' };
  };
  const compare = [unchanged(key, held.document), unchanged(versionKey(key), held.version)];
  const incomplete = write.kind === 'upsert' && write.missing.length > 0 && !isFresh && stored === undefined;
  return { row, operation: { request_txn: { compare, success: operations } }, bytes, ifHolds: 'written', incomplete };
}

const scratch = new GrowingBytes();

/** The row and its version; of a deleted row the version stays for the time of the lease. */
function operationsOf(
  key: string,
  write: RowWrite,
  stored: ReadonlyMap<string, string> | undefined,
  lease: string | undefined,
): { readonly operations: readonly RequestOp[]; readonly bytes: number } {
  const version = base64(versionText(write.version));
  const remember = { key: base64(versionKey(key)), value: version, ...(lease !== undefined && { lease }) };
  const bytes = 4 * key.length;
  if (write.kind === 'delete') {
    return { operations: [{ request_delete_range: { key: base64(key) } }, { request_put: remember }], bytes };
  }
  scratch.clear();
  writeDocument(scratch, write.row, { stored });
  const value = base64(scratch.view());
  const operations = [{ request_put: { key: base64(key), value } }, { request_put: remember }];
  return { operations, bytes: bytes + scratch.length };
}

/** In transactions of bounded size; what does not fit into one even alone is refused. */
async function send(
  session: Session,
  items: readonly Item[],
  refused: Map<FoldedRow, TailraceError>,
  settle: (item: Item, holds: boolean) => void,
): Promise<void> {
  for (const some of pieces(items)) {
    try {
      const operations = some.map(({ operation }) => operation);
      const answers = await session.positions.commit(operations, session.signal);
      for (const [i, item] of some.entries()) settle(item, answers[i]?.response_txn?.succeeded === true);
    } catch (error) {
      if (!(error instanceof TailraceError) || error.detail !== TOO_LARGE) throw error;
      if (some.length === 1) refused.set(some[0]!.row, error);
      else for (const half of halves(some)) await send(session, half, refused, settle);
    }
  }
}

function* pieces(items: readonly Item[]): Generator<readonly Item[]> {
  let some: Item[] = [];
  let bytes = 0;
  for (const item of items) {
    if (some.length === MAX_ROWS || (some.length > 0 && bytes + item.bytes > MAX_BYTES)) {
      yield some;
      some = [];
      bytes = 0;
    }
    some.push(item);
    bytes += item.bytes;
  }
  if (some.length > 0) yield some;
}

function halves<T>(all: readonly T[]): readonly (readonly T[])[] {
  const middle = all.length >> 1;
  return [all.slice(0, middle), all.slice(middle)];
}
