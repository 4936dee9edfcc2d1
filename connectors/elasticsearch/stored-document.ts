/** One document of `.tailrace`, changed by compare-and-set: only who has seen its last state may write the next one. */
import { TailraceError } from '../../src/sdk/index.ts';
import { documentPath, type EsConnection, parsed } from './connection.ts';

export const SERVICE_INDEX = '.tailrace';

interface Place {
  readonly _seq_no: number;
  readonly _primary_term: number;
}

interface Found<T> extends Place {
  readonly _source: T;
}

export class StoredDocument<T> {
  readonly #connection: EsConnection;
  readonly #path: string;
  #place: Place | null = null;

  constructor(connection: EsConnection, id: string) {
    this.#connection = connection;
    this.#path = documentPath(SERVICE_INDEX, id);
  }

  /** What is stored; null when nothing is. Later writes build on it. */
  async read(signal: AbortSignal): Promise<T | null> {
    const answer = await this.#connection.ask({ method: 'GET', path: this.#path, signal }, [404]);
    if (answer.status === 404) {
      this.#place = null;
      return null;
    }
    const { _seq_no, _primary_term, _source } = parsed<Found<T>>(answer);
    this.#place = { _seq_no, _primary_term };
    return _source;
  }

  /** True while nobody else has written since the last read or write. */
  async isOurs(signal: AbortSignal): Promise<boolean> {
    const query = { _source: 'false' };
    const answer = await this.#connection.ask({ method: 'GET', path: this.#path, query, signal }, [404]);
    if (answer.status === 404) return this.#place === null;
    const { _seq_no, _primary_term } = parsed<Place>(answer);
    return this.#place?._seq_no === _seq_no && this.#place._primary_term === _primary_term;
  }

  /** False when somebody else has written since the last read or write. */
  async write(body: T, signal: AbortSignal): Promise<boolean> {
    const at = this.#place;
    const query: Record<string, string> =
      at === null
        ? { op_type: 'create' }
        : { if_seq_no: String(at._seq_no), if_primary_term: String(at._primary_term) };
    const request = { method: 'PUT', path: this.#path, query, body: JSON.stringify(body), signal } as const;
    const answer = await this.#connection.ask(request, [409]);
    if (answer.status === 409) return false;
    const { _seq_no, _primary_term } = parsed<Place>(answer);
    this.#place = { _seq_no, _primary_term };
    return true;
  }
}

/** Makes the index if it is not there. */
export async function ensureServiceIndex(connection: EsConnection, signal: AbortSignal): Promise<void> {
  const path = `/${SERVICE_INDEX}`;
  const present = await connection.ask({ method: 'GET', path, query: { filter_path: '*.aliases' }, signal }, [404]);
  if (present.status !== 404) return;
  const body = JSON.stringify({
    settings: { 'index.hidden': true, 'index.number_of_shards': 1, 'index.auto_expand_replicas': '0-1' },
    mappings: {
      dynamic: false,
      properties: {
        kind: { type: 'keyword' },
        index: { type: 'keyword' },
        version: { type: 'long' },
        deleted_at: { type: 'long' },
      },
    },
  });
  const answer = await connection.ask({ method: 'PUT', path, body, signal }, [400]);
  if (answer.status === 400 && !answer.text.includes('resource_already_exists_exception')) {
    throw new TailraceError('sink.not_ready', `the index ${SERVICE_INDEX} cannot be made`, {
      remedy: `look at the index templates that match ${SERVICE_INDEX}`,
      detail: answer.text,
    });
  }
}
