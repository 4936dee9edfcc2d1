/** Truncate and the end of a snapshot: documents of an index below a version go, and late writes below it stay out. */

import { TailraceError } from '../../src/sdk/index.ts';
import { jsonElements, jsonMembers } from '../../src/sdk/target/json-text.ts';
import { VERSION_COLUMN } from '../../src/sdk/target/names.ts';
import { DELETED_HOLD_MS } from '../../src/sdk/target/positions.ts';
import { BulkWriter } from './bulk.ts';
import { parsed } from './connection.ts';
import type { Session } from './rows.ts';
import { SERVICE_INDEX } from './stored-document.ts';
import type { IndexState, TargetIndex } from './tables.ts';

const PAGE = 2_000;
const KEEP_ALIVE = '5m';

/** A repeat of a sweep that was cut short goes over all documents again; one that was done before is not repeated. */
export async function sweep(session: Session, index: TargetIndex, below: bigint): Promise<void> {
  if (below <= BigInt(index.state.swept)) return;
  // Invariant 7: the floor first, so that a sweep cut short lets nothing back in.
  if (below > BigInt(index.state.floor)) await store(session, index, { ...index.state, floor: String(below) });
  const query = { range: { [VERSION_COLUMN]: { lt: String(below) } } };
  await deleteFound(session, index.name, query);
  await store(session, index, { ...index.state, swept: String(below) });
}

/** Forgets deletes past the hold time. */
export async function forgetDeletes(session: Session, now: number): Promise<void> {
  const old = { range: { deleted_at: { lt: now - DELETED_HOLD_MS } } };
  const query = { bool: { filter: [{ term: { kind: 'deleted' } }, old] } };
  await deleteFound(session, SERVICE_INDEX, query);
}

async function store({ signal }: Session, index: TargetIndex, state: IndexState): Promise<void> {
  if (!(await index.document.write(state, signal))) {
    throw new TailraceError('sink.unreachable', `another instance changed the floor of the index ${index.name}`);
  }
  index.state = state;
}

/** Deletes what a query finds now, page by page, each document as of the version that it has. */
async function deleteFound(session: Session, index: string, query: object): Promise<void> {
  const { connection, context, signal } = session;
  const path = `/${encodeURIComponent(index)}`;
  await connection.ask({ method: 'POST', path: `${path}/_refresh`, signal });
  const keep = { keep_alive: KEEP_ALIVE };
  const opened = await connection.ask({ method: 'POST', path: `${path}/_pit`, query: keep, signal });
  let pit = parsed<{ id: string }>(opened).id;
  try {
    for (let after = ''; ; ) {
      const page = await find(session, `{"id":${JSON.stringify(pit)},"keep_alive":"${KEEP_ALIVE}"}`, query, after);
      const bulk = new BulkWriter<string>(connection, index, context, signal);
      for (const { id, version } of page.hits) await bulk.add(id, id, version, null);
      await bulk.finish();
      if (page.hits.length < PAGE) return;
      pit = page.pit;
      after = page.hits.at(-1)!.sort;
    }
  } finally {
    const body = JSON.stringify({ id: pit });
    await connection.send({ method: 'DELETE', path: '/_pit', body, signal }).catch(() => {});
  }
}

interface Hit {
  readonly id: string;
  readonly version: bigint;
  /** JSON text of the place after which the next page starts. */
  readonly sort: string;
}

/** One page. Versions and places are read from the text: they may have more than 53 bits. */
async function find({ connection, signal }: Session, pit: string, query: object, after: string) {
  const what = `"size":${PAGE},"_source":false,"version":true,"track_total_hits":false,"sort":["_shard_doc"]`;
  const place = after === '' ? '' : `,"search_after":${after}`;
  const body = `{${what},"query":${JSON.stringify(query)},"pit":${pit}${place}}`;
  // Less than all shards would leave documents behind.
  const all = { allow_partial_search_results: 'false' };
  const answer = await connection.ask({ method: 'POST', path: '/_search', query: all, body, signal });
  const members = jsonMembers(answer.text);
  const hits = jsonElements(jsonMembers(members.get('hits')!).get('hits')!).map((text): Hit => {
    const hit = jsonMembers(text);
    const id = JSON.parse(hit.get('_id')!) as string;
    return { id, version: BigInt(hit.get('_version')!), sort: hit.get('sort')! };
  });
  return { hits, pit: JSON.parse(members.get('pit_id')!) as string };
}
