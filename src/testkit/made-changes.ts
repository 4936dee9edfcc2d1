/** Rows, changes and sink batches made by hand, as the runtime would decode them from the log. */

import type { ConnectorContext, LogLevel } from '../contracts/plugin.ts';
import { type Change, NOT_SENT, type Op, type Row, type Value } from '../contracts/row.ts';
import type { Column, Kind, TableSchema } from '../contracts/schema.ts';
import type { SinkBatch, SinkOpenOptions, SinkRecord } from '../contracts/sink.ts';
import { systemClock } from '../lib/clock.ts';

export type Cell = Value | typeof NOT_SENT;

/** A column; `key` is its 1-based place in the key. */
export function column(
  name: string,
  kind: Kind,
  native: string,
  more: Partial<Column> & { key?: number } = {},
): Column {
  const { key, ...rest } = more;
  return { name, kind, native, nullable: key === undefined, ...rest, ...(key !== undefined && { keyOrdinal: key }) };
}

let tables = 0;

/** A table version with an id of its own. */
export function table(name: string, columns: readonly Column[], more: Partial<TableSchema> = {}): TableSchema {
  const id = (++tables).toString(16).padStart(16, '0');
  return { id, source: 'shop', schema: 'public', table: name, columns, ...more };
}

/** A row over JSON bytes, values by column index; missing ones at the end were not sent. */
export function row(columns: readonly Column[], values: readonly Cell[]): Row {
  const bytes = columns.map((c, i) => {
    const value = i < values.length ? values[i]! : NOT_SENT;
    return value === NOT_SENT ? undefined : Buffer.from(jsonOf(value as Value, c));
  });
  return {
    columns,
    get: (i) => (bytes[i] === undefined ? NOT_SENT : (values[i] as Value)),
    bytes: (i) => bytes[i],
    has: (i) => bytes[i] !== undefined,
    copy(i, target, to) {
      // As in a record, where other bytes stand around them.
      const text = bytes[i];
      if (text === undefined) target.unchanged(to);
      else target.json(to, Buffer.concat([Buffer.from('"x'), text, Buffer.from('\\"')]), 2, 2 + text.length);
    },
    toObject: () =>
      Object.fromEntries(
        columns.flatMap(({ name }, i) => (bytes[i] === undefined ? [] : [[name, values[i] as Value]])),
      ),
  };
}

/** JSON text as DESIGN § 6 (Value) fixes it. */
function jsonOf(value: Value, { kind }: Pick<Column, 'kind'>): string {
  if (value === null) return 'null';
  if (value instanceof Uint8Array) {
    const base64 = Buffer.from(value).toString('base64');
    return kind === 'bytes' ? JSON.stringify(base64) : JSON.stringify({ $bytes: base64 });
  }
  if (Array.isArray(value)) return `[${value.map((item) => jsonOf(item, { kind: 'bytes' })).join(',')}]`;
  if (typeof value === 'number' && !Number.isFinite(value)) return JSON.stringify(String(value));
  if (Object.is(value, -0)) return '-0';
  return typeof value === 'bigint' ? String(value) : JSON.stringify(value);
}

export interface ChangeInit {
  readonly op: Op;
  readonly version: number | bigint;
  readonly after?: readonly Cell[];
  readonly before?: readonly Cell[];
  readonly key?: string;
  readonly sweepBelow?: number;
  readonly sweepExcept?: readonly string[];
  readonly dropped?: true;
}

export function change(schema: TableSchema, init: ChangeInit): Change {
  const { op, version } = init;
  const after = init.after === undefined ? null : row(schema.columns, init.after);
  const before = init.before === undefined ? null : row(schema.columns, init.before);
  return {
    op,
    table: schema,
    version: BigInt(version),
    timeUs: 1_700_000_000_000_000 + Number(version),
    key: init.key ?? keyOf(schema, after ?? before),
    before,
    after,
    position: `0/${version.toString(16).toUpperCase()}`,
    transaction: op === 'snapshot' ? '' : String(version),
    ...(init.sweepBelow !== undefined && { sweepBelow: BigInt(init.sweepBelow) }),
    ...(init.sweepExcept !== undefined && { sweepExcept: init.sweepExcept }),
    ...(init.dropped && { dropped: true as const }),
  };
}

function keyOf({ columns }: TableSchema, image: Row | null): string {
  if (image === null) return '{}';
  const keys = columns.flatMap((c, i) => (c.keyOrdinal === undefined ? [] : [{ c, i }]));
  keys.sort((a, b) => a.c.keyOrdinal! - b.c.keyOrdinal!);
  return `{${keys.map(({ c, i }) => `${JSON.stringify(c.name)}:${Buffer.from(image.bytes(i)!).toString()}`).join(',')}}`;
}

/** A batch of one topic: records get offsets from `from` on, the position is the one after the last. */
export function batch(
  changes: readonly Change[],
  options: { from?: number; epoch?: number; topic?: string } = {},
): SinkBatch {
  const { from = 0, epoch = 1, topic = 'shop.public.t' } = options;
  const records = changes.map((c, i): SinkRecord => ({ topic, partition: 0, offset: BigInt(from + i), change: c }));
  return { records, next: [{ topic, partition: 0, next: BigInt(from + changes.length) }], epoch };
}

/** A log whose lineage is what the test says. */
export function lineage(current = 'aaaaaaaaaaaaaaaa', known: readonly string[] = [current]) {
  return { current, covers: (id: string) => known.includes(id) };
}

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>> | undefined;
}

/** Options to open a sink, and the log lines it wrote. */
export function openOptions<C>(config: C, more: Partial<SinkOpenOptions<C>> = {}) {
  const lines: LogLine[] = [];
  const context: ConnectorContext = {
    log: (level, message, fields) => lines.push({ level, message, fields }),
    clock: systemClock,
    failpoint: () => {},
    random: () => 0.5,
  };
  const options: SinkOpenOptions<C> = {
    config,
    id: 'p.out',
    pipeline: 'p',
    generation: 0,
    lineage: lineage(),
    maxBytes: 1 << 24,
    context,
    ...more,
  };
  return { ...options, lines };
}
