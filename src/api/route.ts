/**
 * What a route of the HTTP API is. A file in `routes/` declares it with `route`, the list in `routes.ts` names it; the checks
 * of a request, its access and the OpenAPI document come from the declaration.
 */
import { z } from 'zod';
import type { Control, SnapshotPlaces } from '../contracts/control.ts';
import type { DeadLetterDesk } from '../contracts/dead-letters.ts';
import type { Inspector } from '../contracts/inspect.ts';
import type { LogLines } from '../contracts/log-lines.ts';
import type { Operations } from '../contracts/operations.ts';
import type { FileReloader } from '../contracts/reload.ts';
import type { SinkCommands, SinkJobs } from '../contracts/replay.ts';
import type { VerificationControl } from '../contracts/verification.ts';

// Code from strings is not run here: what zod compiles for speed stays off.
z.config({ jitless: true });

/**
 * Who may ask (Invariant 12). `state`: whoever reaches the port; nothing changes, and no row contents are in the answer.
 * `records`: the answer may hold row contents. `change`: something changes, or is planned. The latter two need the token.
 */
export type Access = 'state' | 'records' | 'change';

/** Parts of the instance that the routes use. Absent: this instance does not have it. */
export interface Subjects {
  readonly control: Control;
  readonly operations: Operations;
  readonly inspector: Inspector;
  readonly reloader: FileReloader;
  readonly verification?: VerificationControl;
  readonly deadLetters?: DeadLetterDesk;
  readonly sinks?: SinkCommands;
  readonly jobs?: SinkJobs;
  readonly snapshots?: SnapshotPlaces;
  readonly logs?: LogLines;
  /** Of the product. */
  readonly version: string;
}

export interface RouteRequest<P, Q, B> extends Subjects {
  /** Values of the path's `:name` parts, decoded. */
  readonly params: P;
  readonly query: Q;
  /** JSON of a POST; no fields without one. */
  readonly body: B;
  /** Aborts when nobody takes the answer any more. */
  readonly signal: AbortSignal;
}

/** One JSON value. */
export interface Reply<A> {
  /** HTTP status. */
  readonly status: number;
  readonly body: A;
}

/**
 * - `json`: one value.
 * - `lines`: many values, a line each, then `{"end":true}`, or `{"error":…}` when it broke off: the status is sent before
 *   that is known.
 * - `events`: the same as server-sent events; what ends them is an event `end` or `error`.
 * - `text`: plain text.
 */
export type Gives = 'json' | 'lines' | 'events' | 'text';

export type Given<G extends Gives, A> = G extends 'json'
  ? Reply<A>
  : G extends 'text'
    ? string
    : AsyncIterable<readonly A[]>;

type Fields = z.ZodObject;
type None = z.ZodObject<Record<never, never>>;

/** @typeParam A one value of the answer */
export interface Declaration<P extends Fields, Q extends Fields, B extends Fields, G extends Gives, A> {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** `:name` stands for one part of the path. */
  readonly path: string;
  /** A sentence for the documentation. */
  readonly summary: string;
  readonly access: Access;
  /** Absent: each `:name` is a text. */
  readonly params?: P;
  /** Strict objects; absent: no fields. */
  readonly query?: Q;
  readonly body?: B;
  /** Absent: `json`. */
  readonly gives?: G;
  /** Other statuses than 200 that come with an answer of this kind, and what they mean. */
  readonly statuses?: Readonly<Record<number, string>>;
  readonly answers: z.ZodType<A>;
  answer(
    request: RouteRequest<z.output<P>, z.output<Q>, z.output<B>>,
  ): Given<G, NoInfer<A>> | Promise<Given<G, NoInfer<A>>>;
}

/** A declaration whose types are forgotten: the schemas are what checks a request. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly summary: string;
  readonly access: Access;
  readonly params: Fields;
  readonly query: Fields;
  readonly body: Fields;
  readonly gives: Gives;
  readonly statuses: Readonly<Record<number, string>>;
  readonly answers: z.ZodType;
  answer(request: RouteRequest<never, never, never>): unknown;
}

const NO_FIELDS = z.strictObject({});

export function route<
  A,
  P extends Fields = z.ZodObject<Record<string, z.ZodString>>,
  Q extends Fields = None,
  B extends Fields = None,
  G extends Gives = 'json',
>(declaration: Declaration<P, Q, B, G, A>): Route {
  const names = declaration.path.split('/').filter((part) => part.startsWith(':'));
  return {
    params: z.strictObject(Object.fromEntries(names.map((name) => [name.slice(1), z.string()]))),
    query: NO_FIELDS,
    body: NO_FIELDS,
    gives: 'json',
    statuses: {},
    ...declaration,
  };
}

export function needsToken({ access }: Pick<Route, 'access'>): boolean {
  return access !== 'state';
}
