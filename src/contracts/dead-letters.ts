/**
 * Records that a sink has refused, and what people do with them. Implemented by pipeline, called by api and cli. Offsets and
 * versions are decimal text. Only `show` gives row values away (Invariant 12).
 */
import type { ShownBytes } from './operations.ts';

/**
 * What a sink does with a record that its target or its rules refuse:
 * - `skip`: it becomes a dead letter. Later whole rows and deletes of the row go on and make it `superseded`; changes that do
 *   not say all of the row are held behind it.
 * - `block_key`: it becomes a dead letter, and every later change of the row is held behind it.
 * - `stop`: the sink stops.
 */
export type DeadLetterPolicy = 'skip' | 'block_key' | 'stop';

/**
 * - `open`: waits for somebody.
 * - `held`: put behind an open one of the same row, because applying it alone would lose columns or order.
 * - `retrying`: on its way to the sink again.
 * - `resolved`: was tried again and applied.
 * - `superseded`: a later whole row, delete, truncate or snapshot has made it pointless.
 * - `discarded`: somebody gave it up.
 */
export type DeadLetterState = 'open' | 'held' | 'retrying' | 'resolved' | 'superseded' | 'discarded';

export const DEAD_LETTER_STATES: readonly DeadLetterState[] = [
  'open',
  'held',
  'retrying',
  'resolved',
  'superseded',
  'discarded',
];

/** Those that wait for somebody. */
export const WAITING_STATES: readonly DeadLetterState[] = ['open', 'held'];

export interface DeadLetterSummary {
  /** `<pipeline>/<sink>/<topic>-<partition>-<offset>`: where the record is, or was, in the log. */
  readonly id: string;
  readonly sink: string;
  readonly state: DeadLetterState;
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  /** Of the record; null when it could not be decoded. */
  readonly version: string | null;
  /** What grouping and `cause` go by: sink, code, message, step and topic. 8 hex digits. */
  readonly cause: string;
  readonly code: string;
  readonly class: string;
  readonly message: string;
  /** The rule that failed; null when the target refused. */
  readonly step: string | null;
  /** How often it was tried, the first time included. */
  readonly attempts: number;
  /** ms since 1970: of the first refusal and of the last change. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly isEdited: boolean;
}

/** Who did what with it, oldest first. */
export interface DeadLetterAct {
  readonly act: 'edit' | 'retry' | 'discard' | 'refused' | 'superseded' | 'resolved';
  /** ms since 1970. */
  readonly atMs: number;
  /** Who asked for it; null: Tailrace itself. */
  readonly by: string | null;
  /** A reason, the columns of an edit, or a code. Never row values. */
  readonly note: string | null;
}

export interface DeadLetterRecord extends DeadLetterSummary {
  readonly acts: readonly DeadLetterAct[];
  /** What the server said; may hold row values. */
  readonly detail: string | null;
  readonly timestamp: number;
  readonly key: ShownBytes;
  /** The original bytes. */
  readonly value: ShownBytes;
  readonly headers: readonly { readonly key: string; readonly value: ShownBytes }[];
  /** What a retry sends instead of `value`; null when nobody edited it. */
  readonly edited: ShownBytes;
}

/** All given conditions must hold; an absent one always does. */
export interface DeadLetterFilter {
  readonly sink?: string;
  readonly ids?: readonly string[];
  /** Absent: those that wait (`open`, `held`). */
  readonly states?: readonly DeadLetterState[];
  readonly cause?: string;
  readonly code?: string;
  readonly topic?: string;
  /** First refused at or after, before; ms since 1970. */
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** The first so many, oldest first. */
  readonly limit?: number;
}

export interface DeadLetterGroup {
  readonly cause: string;
  readonly sink: string;
  readonly code: string;
  readonly message: string;
  readonly step: string | null;
  readonly topic: string;
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** One of them. */
  readonly sample: string;
}

export interface DeadLetterList {
  readonly total: number;
  readonly groups: readonly DeadLetterGroup[];
  readonly letters: readonly DeadLetterSummary[];
}

/** What became, or would become, of each selected one. */
export interface RetryReport {
  readonly selected: number;
  /** Taken along because they belong to the same rows: earlier ones, and those held behind. */
  readonly alongside: number;
  /** On their way already. */
  readonly retrying: number;
  /** Sent again; in a trial: those that would succeed. */
  readonly sent: number;
  /** Of a trial: what would be refused again, and why. */
  readonly refused: readonly { readonly id: string; readonly code: string; readonly message: string }[];
  /** Of a trial: whether the target was asked, or the rules alone. */
  readonly judgedBy: 'rules' | 'rules and target';
}

export interface DeadLetterEdit {
  readonly id: string;
  readonly by: string;
  /** Column → its new value: `null`, JSON of a number, an array or a string, or the text itself. */
  readonly columns: Readonly<Record<string, string>>;
}

/** A pipeline's dead letters in the log of a running or a stopped instance. */
export interface DeadLetterReader {
  /** @throws `dlq.not_found` for a pipeline without a topic of dead letters that the log has never heard of */
  list(pipeline: string, filter: DeadLetterFilter): Promise<DeadLetterList>;
  /** @throws `dlq.not_found` */
  show(id: string): Promise<DeadLetterRecord>;
}

export interface DeadLetterDesk extends DeadLetterReader {
  /** What a retry would do with today's configuration. Writes nothing to the target that stays. */
  tryOut(pipeline: string, filter: DeadLetterFilter): Promise<RetryReport>;
  /**
   * Sends them to their sinks again, through the log: durable when it resolves, applied exactly as often as an ordinary
   * record. A second call changes nothing. In the order of the records; earlier and held ones of the same rows go along.
   */
  retry(pipeline: string, filter: DeadLetterFilter, by: string): Promise<RetryReport>;
  /** Durable when it resolves. Key columns stay. @throws `dlq.invalid`, `dlq.not_found` */
  edit(edit: DeadLetterEdit): Promise<DeadLetterSummary>;
  /** Durable, with who and why; resolves to how many. Those that are given up already stay as they are. */
  discard(pipeline: string, filter: DeadLetterFilter, by: string, reason: string): Promise<number>;
}
