/** `outbox` at work: the messages that rows are. */
import { type Change, NOT_SENT, type Row } from '../contracts/row.ts';
import type { Message, RowTransform } from '../contracts/rules.ts';
import type { TableSchema } from '../contracts/schema.ts';
import { fail } from './fail.ts';
import type { OutboxArguments, TopicPart } from './steps/outbox-arguments.ts';

interface Place {
  readonly column: number;
  readonly name: string;
}

export class OutboxTransform implements RowTransform {
  readonly output: TableSchema;
  readonly #steps: RowTransform;
  readonly #topic: readonly (string | Place)[];
  readonly #key: Place | null;
  readonly #value: Place;
  readonly #headers: readonly { readonly key: string; readonly place: Place }[];

  /** @param steps those above it */
  constructor(steps: RowTransform, { topic, key, value, headers }: OutboxArguments) {
    const { columns } = steps.output;
    const place = (name: string): Place => ({ name, column: columns.findIndex((column) => column.name === name) });
    this.output = steps.output;
    this.#steps = steps;
    this.#topic = topic.map(({ text, isColumn }: TopicPart) => (isColumn ? place(text) : text));
    this.#key = key === null ? null : place(key);
    this.#value = place(value);
    this.#headers = headers.map(([header, name]) => ({ key: header, place: place(name) }));
  }

  apply(): readonly Change[] {
    return [];
  }

  messages(change: Change): readonly Message[] {
    return this.#steps
      .apply(change)
      .flatMap(({ op, after }) =>
        (op === 'insert' || op === 'snapshot') && after !== null ? [this.#message(after)] : [],
      );
  }

  #message(row: Row): Message {
    return {
      topic: this.#topic.map((part) => (typeof part === 'string' ? part : topicText(row, part))).join(''),
      key: this.#key === null ? null : bytesOf(row, this.#key),
      value: bytesOf(row, this.#value),
      headers: this.#headers.map(({ key, place }) => ({ key, value: bytesOf(row, place) })),
    };
  }
}

function topicText(row: Row, place: Place): string {
  const bytes = bytesOf(row, place);
  if (bytes === null || bytes.length === 0)
    return fail(
      `column "${place.name}" is NULL or empty, so the message has no topic`,
      'write rows that name their topic',
    );
  return Buffer.from(bytes).toString();
}

/** The value as the source wrote it: text and JSON without quotes, bytes as they are. */
function bytesOf(row: Row, { column, name }: Place): Uint8Array | null {
  const value = row.get(column);
  // Invariant 9: not sent is not NULL.
  if (value === NOT_SENT) return fail(`column "${name}" was not sent by the source`);
  if (value === null) return null;
  if (typeof value === 'string') return Buffer.from(value);
  if (value instanceof Uint8Array) return value.slice();
  // JSON has no NaN and no infinity.
  if (typeof value === 'number' && !Number.isFinite(value)) return Buffer.from(String(value));
  return row.bytes(column)!.slice();
}
