/**
 * Bulk requests. Every item has an `_id` of its own, so items may be sent again, and requests side by side, without changing the
 * order of a row's changes (Invariant 6).
 * https://www.elastic.co/guide/en/elasticsearch/reference/8.19/docs-bulk.html
 */
import { backoffMs } from '../../src/lib/backoff.ts';
import type { ConnectorContext, TailraceError } from '../../src/sdk/index.ts';
import { GrowingBytes } from '../../src/sdk/target/growing-bytes.ts';
import { InFlight } from '../../src/sdk/target/in-flight.ts';
import { type Answer, type EsConnection, parsed } from './connection.ts';
import { answerError, passes, rejection } from './errors.ts';

const REQUEST_BYTES = 4 << 20;
/** Small ones, several at a time: the server is not idle while the last of a batch is on its way. */
const REQUEST_ITEMS = 1_000;
const REQUESTS_IN_FLIGHT = 3;
/** Then the sink starts again from its position. */
const ATTEMPTS = 6;
/** A server that says when to come back is believed up to this. */
const LONGEST_WAIT_MS = 30_000;
const NEWLINE = 0x0a;

export interface BulkReplies<R> {
  /** Items that were refused because the index holds a newer version, or has the document already where it is created. */
  readonly stale: number;
  readonly refused: ReadonlyMap<R, TailraceError>;
}

export interface Operation {
  readonly action: 'index' | 'delete' | 'create';
  readonly id: string;
  /** Null for `create`. */
  readonly version: bigint | null;
  /** Null: the document lies where its id says. */
  readonly routing: string | null;
}

export type DocumentWriter = (out: GrowingBytes) => void;

interface Item<R> {
  readonly row: R;
  readonly bytes: Uint8Array;
}

/** What the server said of one item. */
interface Verdict {
  readonly status: number;
  readonly type: string;
  readonly reason: string;
}

interface BulkAnswer {
  readonly errors: boolean;
  readonly items?: readonly Readonly<Record<string, ItemAnswer>>[];
}

interface ItemAnswer {
  readonly status: number;
  readonly error?: {
    readonly type?: string;
    readonly reason?: string;
    readonly caused_by?: { readonly reason?: string };
  };
}

const DONE: Verdict = { status: 200, type: '', reason: '' };
const FILTER = 'errors,items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason';

export class BulkWriter<R> {
  readonly #connection: EsConnection;
  readonly #index: string;
  readonly #context: ConnectorContext;
  readonly #signal: AbortSignal;
  readonly #out = new GrowingBytes();
  readonly #requests = new InFlight<readonly (readonly [R, Verdict])[]>(REQUESTS_IN_FLIGHT);
  #rows: R[] = [];
  #ends: number[] = [];

  constructor(connection: EsConnection, index: string, context: ConnectorContext, signal: AbortSignal) {
    this.#connection = connection;
    this.#index = index;
    this.#context = context;
    this.#signal = signal;
  }

  /**
   * Invariant 7: the server refuses an item with a version when it holds a newer one of the document, or remembers a newer delete;
   * `create` when it has a document of that id. The version is text: it has up to 63 bits.
   */
  async add(row: R, { action, id, version, routing }: Operation, document: DocumentWriter | null): Promise<void> {
    const guard = version === null ? '' : `,"version":${version},"version_type":"external_gte"`;
    const place = routing === null ? '' : `,"routing":${JSON.stringify(routing)}`;
    this.#out.text(`{"${action}":{"_id":${JSON.stringify(id)}${place}${guard}}}\n`);
    if (document !== null) {
      document(this.#out);
      this.#out.byte(NEWLINE);
    }
    this.#rows.push(row);
    this.#ends.push(this.#out.length);
    if (this.#rows.length >= REQUEST_ITEMS || this.#out.length >= REQUEST_BYTES) await this.#send();
  }

  async finish(): Promise<BulkReplies<R>> {
    if (this.#rows.length > 0) await this.#send();
    let stale = 0;
    const refused = new Map<R, TailraceError>();
    for (const [row, { status, type, reason }] of (await this.#requests.drain()).flat()) {
      if (status === 409) stale++;
      else if (status !== 200) refused.set(row, rejection(this.#index, status, type, reason));
    }
    return { stale, refused };
  }

  async #send(): Promise<void> {
    const bytes = this.#out.copy();
    const ends = this.#ends;
    const items = this.#rows.map((row, i) => ({ row, bytes: bytes.subarray(i === 0 ? 0 : ends[i - 1], ends[i]) }));
    this.#out.clear();
    this.#rows = [];
    this.#ends = [];
    await this.#requests.add(this.#deliver(items, bytes));
  }

  /** Sends until every item has a verdict that stays. */
  async #deliver(items: readonly Item<R>[], bytes: Buffer): Promise<readonly (readonly [R, Verdict])[]> {
    const verdicts: (readonly [R, Verdict])[] = [];
    let left = items;
    let body = bytes;
    for (let attempt = 0; ; attempt++) {
      const path = `/${encodeURIComponent(this.#index)}/_bulk`;
      const request = {
        method: 'POST',
        path,
        query: { filter_path: FILTER },
        body,
        bulk: true,
        signal: this.#signal,
      } as const;
      const answer = await this.#connection.send(request);
      if (answer.status === 413) return [...verdicts, ...(await this.#split(left, answer.status))];
      const waiting = passes(answer.status)
        ? left
        : this.#judge(left, parsedBulk(answer, this.#connection.place), verdicts);
      if (waiting.length === 0) return verdicts;
      if (attempt === ATTEMPTS) {
        // In a success only items were refused.
        const [status, text] = answer.status < 300 ? [429, ''] : [answer.status, answer.text];
        throw answerError(status, text, this.#connection.place);
      }
      const { clock, random } = this.#context;
      const wait = Math.max(backoffMs(attempt, random), Math.min(answer.retryAfterMs, LONGEST_WAIT_MS));
      await clock.sleep(wait, this.#signal);
      left = waiting;
      body = Buffer.concat(left.map((item) => item.bytes));
    }
  }

  /** Adds the verdicts that stay; returns the items that the server was too busy for. */
  #judge(items: readonly Item<R>[], { errors, items: answers = [] }: BulkAnswer, verdicts: (readonly [R, Verdict])[]) {
    const waiting: Item<R>[] = [];
    for (const [i, item] of items.entries()) {
      const answer = errors ? Object.values(answers[i] ?? {})[0] : undefined;
      if (answer?.error === undefined) verdicts.push([item.row, DONE]);
      else if (passes(answer.status)) waiting.push(item);
      else verdicts.push([item.row, this.#verdict(answer)]);
    }
    return waiting;
  }

  /** Of an item that is no success: what concerns the document. Everything else concerns the index, and is thrown. */
  #verdict({ status, error }: ItemAnswer): Verdict {
    const { type = '', reason = '', caused_by } = error ?? {};
    if (status === 409 || status === 400) {
      return { status, type, reason: caused_by?.reason === undefined ? reason : `${reason}: ${caused_by.reason}` };
    }
    throw answerError(status, JSON.stringify({ error }), this.#connection.place);
  }

  async #split(items: readonly Item<R>[], status: number): Promise<readonly (readonly [R, Verdict])[]> {
    if (items.length === 1) {
      const reason = 'larger than http.max_content_length of the server';
      return [[items[0]!.row, { status, type: 'content_too_large', reason }]];
    }
    const middle = items.length >> 1;
    const verdicts: (readonly [R, Verdict])[] = [];
    for (const half of [items.slice(0, middle), items.slice(middle)]) {
      verdicts.push(...(await this.#deliver(half, Buffer.concat(half.map(({ bytes }) => bytes)))));
    }
    return verdicts;
  }
}

function parsedBulk(answer: Answer, place: string): BulkAnswer {
  if (answer.status >= 300) throw answerError(answer.status, answer.text, place);
  return parsed<BulkAnswer>(answer);
}
