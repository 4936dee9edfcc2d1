/** What a route of the HTTP API is. */
import type { Control } from '../contracts/control.ts';
import type { Operations } from '../contracts/operations.ts';
import type { Fields } from './fields.ts';

export interface Answer {
  /** HTTP status. */
  readonly status: number;
  readonly body: unknown;
  /** Methods that the path answers to, when the request's is none of them. */
  readonly allow?: string;
}

/**
 * Many values: one JSON value a line, then `{"end":true}`, or `{"error":…}` when it broke off: the status is sent before
 * that is known.
 */
export interface Lines {
  readonly lines: AsyncIterable<readonly unknown[]>;
}

export interface Subjects {
  readonly control: Control;
  readonly operations: Operations;
}

export interface RouteRequest extends Subjects {
  /** Values of the path's `:name` parts, decoded. */
  readonly params: Fields;
  readonly query: Fields;
  /** JSON of a POST; no fields without one. */
  readonly body: Fields;
  /** Aborts when nobody takes the answer any more. */
  readonly signal: AbortSignal;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** `:name` stands for one part of the path. */
  readonly path: string;
  readonly summary: string;
  /** What changes something or gives records away needs the instance's token (Invariant 12). */
  readonly needsToken: boolean;
  answer(request: RouteRequest): Answer | Lines | Promise<Answer | Lines>;
}
