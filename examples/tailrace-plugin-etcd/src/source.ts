/** Keys below a prefix as rows of one table: what they are at one revision as a snapshot, then every change from the next one on. */
import { isUtf8 } from 'node:buffer';
import {
  documentMembers,
  type Finding,
  type Position,
  type RowOp,
  type RowWriter,
  type SourceOpenOptions,
  type SourceOutput,
  type SourceReader,
  type TableDescription,
  type TableSchema,
  TailraceError,
} from 'tailrace/sdk';
import { base64, EtcdClient } from './client.ts';
import type { SourceConfig } from './config.ts';
import type { KeyValue, WatchAnswer, WatchEvent } from './messages.ts';
import { prefixEnd } from './names.ts';
import { watch } from './watch.ts';

type Options = SourceOpenOptions<SourceConfig>;

const PAGE = 500;
const CHECK_MS = 10_000;

/** Changes nothing. */
export async function checkSource({ config }: Options): Promise<readonly Finding[]> {
  try {
    const first = { key: base64(config.prefix), range_end: base64(prefixEnd(config.prefix)), limit: 1 };
    await new EtcdClient('source', config).range(first, AbortSignal.timeout(CHECK_MS));
    return [{ level: 'ok', message: 'etcd answers, and the keys may be read', path: ['url'] }];
  } catch (error) {
    if (!(error instanceof TailraceError)) throw error;
    const { code, message, remedy = 'try again later' } = error;
    return [{ level: 'problem', code, message, remedy, path: ['url'] }];
  }
}

export function describeSource({ config, name, tables }: Options): TableDescription {
  const [wanted = '', more] = tables;
  if (more !== undefined) {
    const remedy = 'give each prefix a source of its own';
    throw new TailraceError('source.not_ready', 'the keys below a prefix are one table', { remedy });
  }
  const dot = wanted.indexOf('.');
  const columns = config.columns.map((column, i) => {
    return { name: column, kind: 'text', native: 'text', nullable: i > 0, ...(i === 0 && { keyOrdinal: 1 }) } as const;
  });
  return { source: name, schema: wanted.slice(0, dot), table: wanted.slice(dot + 1), columns };
}

export class EtcdReader implements SourceReader {
  readonly #options: Options;
  readonly #client: EtcdClient;
  #cluster = '';

  constructor(options: Options) {
    this.#options = options;
    this.#client = new EtcdClient('source', options.config);
  }

  async run(from: Position | null, output: SourceOutput, signal: AbortSignal): Promise<void> {
    try {
      const table = output.register(describeSource(this.#options));
      const at = from === null ? await this.#begin(output, table, signal) : await this.#resume(from, signal);
      if (at !== null) await this.#stream(at, output, table, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** etcd forgets when it is told to compact, whoever reads. */
  acknowledge(): void {}

  /** What `run` opens it closes. */
  async close(): Promise<void> {}

  /** Resolves to the revision of all that was read; null: it was stopped before. */
  async #begin(output: SourceOutput, table: TableSchema, signal: AbortSignal): Promise<bigint | null> {
    const { snapshot, config, context } = this.#options;
    const range_end = base64(prefixEnd(config.prefix));
    const limit = snapshot === 'never' ? 1 : PAGE;
    let page = await this.#client.range({ key: base64(config.prefix), range_end, limit }, signal);
    const { revision, cluster_id } = page.header;
    this.#cluster = cluster_id;
    if (snapshot === 'never') {
      output.heartbeat(this.#position(BigInt(revision)));
      return BigInt(revision);
    }
    const id = `${cluster_id}-${revision}`;
    output.begin({ id, kind: 'snapshot', timeUs: context.clock.now() * 1_000, position: revision, sendsAll: true });
    output.marker({ op: 'snapshot-begin', table, snapshot: id });
    const writer = output.writer(table);
    for (;;) {
      for (const kv of page.kvs ?? []) writeRow(writer, table, 'r', this.#rowOf(table, kv));
      await drained(output, signal);
      if (signal.aborted) return null;
      if (page.more !== true) break;
      const next = Buffer.concat([Buffer.from(page.kvs!.at(-1)!.key, 'base64'), Buffer.of(0)]);
      // All pages at the revision of the first: changes meanwhile come with the stream.
      page = await this.#client.range({ key: base64(next), range_end, limit, revision }, signal);
    }
    output.marker({ op: 'snapshot-end', table, snapshot: id });
    output.end(this.#position(BigInt(revision)));
    return BigInt(revision);
  }

  /** Invariant 11: a revision of another cluster, or one that this cluster has not come to, says nothing here. */
  async #resume({ v, cluster, revision }: Position, signal: AbortSignal): Promise<bigint> {
    const { header } = await this.#client.range({ key: base64(this.#options.config.prefix), limit: 1 }, signal);
    this.#cluster = header.cluster_id;
    if (v !== 1 || cluster !== header.cluster_id) throw gap('the cluster is not the one that was read');
    if (BigInt(header.revision) < BigInt(String(revision))) throw gap('the cluster was set back to an earlier state');
    return BigInt(String(revision));
  }

  async #stream(after: bigint, output: SourceOutput, table: TableSchema, signal: AbortSignal): Promise<void> {
    const { config, context } = this.#options;
    const writer = output.writer(table);
    let last = after;
    for await (const answer of watch(this.#client, { prefix: config.prefix, from: after + 1n }, signal)) {
      refuseEnd(answer);
      const { events = [], created, header } = answer;
      for (const [revision, changes] of byRevision(events)) {
        // All that has one revision was one transaction of etcd.
        const position = String((last = revision));
        output.begin({ id: position, kind: 'stream', timeUs: context.clock.now() * 1_000, position });
        for (const { type, kv } of changes) {
          if (type === 'DELETE') writeRow(writer, table, 'd', [this.#keyOf(kv)]);
          else writeRow(writer, table, kv.version === '1' ? 'c' : 'u', this.#rowOf(table, kv));
        }
        output.end(this.#position(revision));
        await drained(output, signal);
        if (signal.aborted) return;
      }
      // The word of an idle server: nothing below the prefix has changed up to here.
      if (events.length === 0 && created !== true && BigInt(header.revision) > last) {
        output.heartbeat(this.#position((last = BigInt(header.revision))));
      }
    }
  }

  #position(revision: bigint): Position {
    return { v: 1, cluster: this.#cluster, revision: String(revision) };
  }

  #keyOf({ key, mod_revision }: KeyValue): string {
    const bytes = Buffer.from(key, 'base64');
    if (isUtf8(bytes)) return bytes.toString().slice(this.#options.config.prefix.length);
    throw unreadable('the key', mod_revision);
  }

  /** Texts of the columns; null for those that the object does not have. */
  #rowOf({ columns }: TableSchema, kv: KeyValue): readonly (string | null)[] {
    const bytes = Buffer.from(kv.value ?? '', 'base64');
    const members = isUtf8(bytes) ? documentMembers(bytes.toString()) : undefined;
    if (members === undefined) throw unreadable('the value', kv.mod_revision);
    return columns.map(({ name }, i) => {
      if (i === 0) return this.#keyOf(kv);
      const json = members.get(name) ?? 'null';
      if (json === 'null') return null;
      return json.startsWith('"') ? (JSON.parse(json) as string) : json;
    });
  }
}

/** In the order of etcd, which sends a revision whole. */
function byRevision(events: readonly WatchEvent[]): ReadonlyMap<bigint, readonly WatchEvent[]> {
  return Map.groupBy(events, ({ kv }) => BigInt(kv.mod_revision));
}

function refuseEnd({ canceled, compact_revision = '0', cancel_reason = '' }: WatchAnswer): void {
  if (canceled !== true) return;
  // Invariant 5: what was compacted away is lost, and never passed over.
  if (compact_revision !== '0')
    throw gap(`etcd was compacted up to revision ${compact_revision}: changes before it are lost`);
  const options = { detail: cancel_reason };
  if (/permission/.test(cancel_reason)) {
    const remedy = 'grant the user’s role read on the prefix (etcdctl role grant-permission)';
    throw new TailraceError('source.not_ready', 'the user may not read these keys', { ...options, remedy });
  }
  throw new TailraceError('source.unreachable', 'etcd has ended the watch', options);
}

function gap(message: string): TailraceError {
  const remedy = 'on_gap: resnapshot reads the keys anew; keep more history in etcd (--auto-compaction-retention)';
  return new TailraceError('source.gap', message, { remedy });
}

function unreadable(what: string, revision: string): TailraceError {
  return new TailraceError('source.unsupported', `${what} that revision ${revision} wrote is not what is read here`, {
    remedy:
      'keys are UTF-8 text and values JSON objects: mend it in etcd, then have the keys read anew (on_gap: resnapshot)',
  });
}

/** @param texts of the columns in their order; of a delete that of the key */
function writeRow(writer: RowWriter, { columns }: TableSchema, op: RowOp, texts: readonly (string | null)[]): void {
  writer.begin(op);
  writer.side(op === 'd' ? 'before' : 'after');
  for (let i = 0; i < columns.length; i++) {
    const text = texts[i];
    if (text === undefined) writer.unchanged(i);
    else if (text === null) writer.null(i);
    else {
      const bytes = Buffer.from(text);
      writer.text(i, bytes, 0, bytes.length);
    }
  }
  writer.end();
}

/** Waits while the log is behind, at most until the reading is stopped. */
async function drained(output: SourceOutput, signal: AbortSignal): Promise<void> {
  const full = output.drain();
  if (full === undefined || signal.aborted) return;
  const stopped = Promise.withResolvers<void>();
  const stop = () => stopped.resolve();
  signal.addEventListener('abort', stop, { once: true });
  await Promise.race([full, stopped.promise]).finally(() => signal.removeEventListener('abort', stop));
}
