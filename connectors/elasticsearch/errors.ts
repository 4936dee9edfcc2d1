/** Answers of Elasticsearch and failures of the connection as typed errors. */
import { TailraceError } from '../../src/sdk/index.ts';

/** Statuses that pass: too many requests (also a full disk, and circuit breakers), a proxy without a server behind it. */
export function passes(status: number): boolean {
  return status === 429 || status >= 500;
}

/** Host and port: the URL without user and password (Invariant 12). What `place` is below also says which product it is. */
export function placeOf(url: string): string {
  return new URL(url).host;
}

/** The server's own name of an error, e.g. `document_parsing_exception`. Its reason quotes documents: only for `detail`. */
export function errorType(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: { type?: unknown } };
    return typeof error?.type === 'string' && /^[a-z_]+$/.test(error.type) ? error.type : '';
  } catch {
    return '';
  }
}

/** An answer that is no success. */
export function answerError(status: number, text: string, place: string): TailraceError {
  const type = errorType(text);
  const code = type === '' ? String(status) : `${status} ${type}`;
  const options = { detail: text.slice(0, 4_000) };
  if (status === 401) {
    return new TailraceError('sink.auth', `${place} refused the login (${code})`, {
      remedy: 'put the right user and password into `url` of the sink, or a valid `api_key`',
      ...options,
    });
  }
  if (status === 403 && type !== 'cluster_block_exception') {
    return new TailraceError('sink.not_ready', `${place} denies permission (${code})`, {
      remedy:
        'give the user `monitor` on the cluster, and `manage`, `read` and `write` on its indices and on `.tailrace`',
      ...options,
    });
  }
  if (status === 403) {
    return new TailraceError('sink.not_ready', `an index of ${place} is blocked (${code})`, {
      remedy: 'remove the block: PUT /<index>/_settings {"index.blocks.write": null, "index.blocks.read_only": null}',
      ...options,
    });
  }
  if (passes(status)) {
    return new TailraceError('sink.unreachable', `${place} cannot take requests now (${code})`, {
      remedy: 'wait until the cluster is well; if this lasts, look at its health, heap and disk',
      ...options,
    });
  }
  if (status === 404) {
    return new TailraceError('sink.not_ready', `an index of ${place} is missing (${code})`, {
      remedy: 'see who deletes indices; rows written before are gone with it',
      ...options,
    });
  }
  return new TailraceError('sink.not_ready', `${place} refused a request (${code})`, {
    remedy: 'Elasticsearch 8 or 9, or OpenSearch 2 or 3, is needed; compare the mapping of the index with the source',
    ...options,
  });
}

/** No answer. `name` is the class of the client's error. */
export function connectionError(error: unknown, place: string): TailraceError {
  const { name, message } = error as Error;
  const code = /\b(E[A-Z]{4,}|[A-Z_]*CERT[A-Z_]*|UNABLE_TO[A-Z_]+)\b/.exec(`${causeCode(error)} ${message}`)?.[0];
  const cause = code === undefined ? (name === 'TimeoutError' ? ' (timeout)' : '') : ` (${code})`;
  return new TailraceError('sink.unreachable', `${place} cannot be reached or closed the connection${cause}`, {
    remedy: 'check that the server runs and that `url` of the sink is right',
    detail: message,
  });
}

function causeCode(error: unknown): string {
  const { cause, code } = error as { cause?: unknown; code?: unknown };
  if (typeof code === 'string') return code;
  return typeof cause === 'object' && cause !== null ? causeCode(cause) : '';
}

/** A document that the index will never take. */
export function rejection(index: string, status: number, type: string, reason: string): TailraceError {
  return new TailraceError('sink.rejected', `index ${index} refused a document (${status} ${type})`, {
    detail: reason,
  });
}
