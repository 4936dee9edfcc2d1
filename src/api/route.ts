/** What a route of the HTTP API is. All are read-only: GET, JSON, no row values (Invariant 12). */
import type { Control } from '../contracts/control.ts';

export interface Answer {
  /** HTTP status. */
  readonly status: number;
  readonly body: unknown;
}

export interface Route {
  readonly path: string;
  readonly summary: string;
  answer(control: Control): Answer;
}
