/** Errors as the API answers them. Never their `detail`, nor the text of unknown errors (Invariant 12). */
import { classOf, type ErrorCode, TailraceError } from '../contracts/errors.ts';
import type { Logger } from '../contracts/plugin.ts';
import type { Reply } from './route.ts';

const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  'api.unauthorized': 401,
  'log.no_such_topic': 404,
  'group.not_found': 404,
  'verify.not_found': 404,
  'pipeline.not_found': 404,
  'dlq.not_found': 404,
  'topic.reserved': 403,
  'group.reserved': 403,
  'topic.exists': 409,
  'verify.running': 409,
  'rebuild.running': 409,
  'adopt.refused': 409,
  'log.backup_running': 409,
  'group.active': 409,
  'group.changed': 409,
  'plan.changed': 409,
  'log.not_offered': 501,
  'log.offset_out_of_range': 416,
};

export interface ErrorBody {
  readonly error: { readonly code: string; readonly message: string; readonly remedy?: string };
}

export function errorAnswer(cause: unknown, path: string, log: Logger): Reply<ErrorBody> {
  return { status: statusOf(cause), body: errorBody(cause, path, log) };
}

export function errorBody(cause: unknown, path: string, log: Logger): ErrorBody {
  if (cause instanceof TailraceError && cause.code !== 'internal.bug') {
    const { code, message, remedy } = cause;
    return { error: { code, message, ...(remedy === undefined ? {} : { remedy }) } };
  }
  log('error', 'the HTTP API could not answer', { path, error: cause instanceof Error ? cause.name : typeof cause });
  return { error: { code: 'internal', message: 'the answer could not be made; see the log' } };
}

function statusOf(cause: unknown): number {
  if (!(cause instanceof TailraceError)) return 500;
  return STATUS[cause.code] ?? (classOf(cause) === 'config' ? 400 : 500);
}
