/** The rows of the bench of the rules, the steps they go through, and the batches they lie in. */
import type { LogRecord, PendingBatch } from '../../src/contracts/log.ts';
import type { StepSource } from '../../src/contracts/rules.ts';
import type { TableDescription, TableSchema } from '../../src/contracts/schema.ts';
import { EnvelopeEncoder } from '../../src/envelope/source-encoder.ts';
import { readRecords } from '../../src/wire/record-batch.ts';
import { column } from '../../test/support/changes.ts';

export const SOURCE = 'bench';
export const STARTED_MS = 1_764_000_000_000;
/** Below it a row does not pass the filter. */
export const MIN_PRICE = 500;
export const BULK = 60;
export const BOX = 10;

export const TABLE: TableDescription = {
  source: SOURCE,
  schema: 'public',
  table: 'products',
  columns: [
    column('id', 'int64', 'bigint', { key: 1 }),
    column('sku', 'text', 'text'),
    column('name', 'text', 'text'),
    column('category', 'text', 'text'),
    column('price_cents', 'int32', 'integer'),
    column('quantity', 'int32', 'integer'),
    column('weight', 'float64', 'double precision'),
    column('published', 'bool', 'boolean'),
    column('email', 'text', 'text'),
    column('notes', 'text', 'text'),
    column('created_at', 'timestamptz', 'timestamp with time zone'),
    column('updated_at', 'timestamptz', 'timestamp with time zone'),
  ],
};

const config: readonly Record<string, unknown>[] = [
  { drop: ['notes'] },
  { filter: `published and price_cents >= ${MIN_PRICE}` },
  {
    set: {
      name: 'upper(name)',
      total: 'price_cents * quantity',
      size: `case when quantity > ${BULK} then 'bulk' when quantity > ${BOX} then 'box' else 'single' end`,
    },
  },
  { mask: { email: 'partial' } },
];

export const STEPS: readonly StepSource[] = config.map((step, i) => ({
  verb: Object.keys(step)[0]!,
  config: Object.values(step)[0],
  path: ['transform', i],
}));

/** One in twenty is refused by the filter. Text is ASCII but for every tenth name. */
function valuesOf(id: number): string[] {
  const two = (value: number) => String(value % 60).padStart(2, '0');
  return [
    String(id),
    `SKU-${String(id * 7919).padStart(10, '0')}`,
    id % 10 === 3 ? `Grüner Krug "Größe ${id % 9}"` : `Blue ceramic mug, size ${id % 9}`,
    ['kitchen', 'garden', 'office', 'books'][id % 4]!,
    String(id % 20 === 7 ? 199 : 500 + ((id * 37) % 20_000)),
    String((id * 13) % 90),
    String(((id * 17) % 5_000) / 8),
    id % 40 === 5 ? 'false' : 'true',
    `customer.${id}@example.com`,
    `Checked by the night shift in aisle ${id % 77}; the box was a little damp but the goods were fine.`,
    `2025-11-${two(1 + (id % 28))}T${two(id % 24)}:${two(id)}:${two(id * 7)}.123456Z`,
    `2025-11-25T12:${two(id * 3)}:${two(id * 11)}.654321Z`,
  ];
}

export function encoder(): EnvelopeEncoder {
  const now = () => STARTED_MS;
  return new EnvelopeEncoder({ source: SOURCE, version: null, now, connector: 'bench', transform: null }, '0.1.0');
}

export function begin(into: EnvelopeEncoder): void {
  into.begin({ id: '9912', kind: 'stream', timeUs: STARTED_MS * 1_000, position: '0/1A2B3C' });
}

export interface Input {
  readonly table: TableSchema;
  readonly schemas: readonly LogRecord[];
  readonly batches: readonly Uint8Array[];
  /** Of the values of all records. */
  readonly bytes: number;
}

export function input(rows: number): Input {
  const into = encoder();
  const table = into.register(TABLE);
  const writer = into.writer(table);
  begin(into);
  for (let id = 1; id <= rows; id++) {
    writer.begin('u');
    writer.side('after');
    for (const [i, text] of valuesOf(id).entries()) {
      const bytes = Buffer.from(text);
      writer.text(i, bytes, 0, bytes.length);
    }
    writer.end();
  }
  into.end();
  return split(into.take(), table);
}

function split(pending: readonly PendingBatch[], table: TableSchema): Input {
  const isSchema = ({ topic }: PendingBatch) => topic.endsWith('__schemas');
  const batches = pending.filter((batch) => !isSchema(batch)).map(({ bytes }) => bytes);
  const schemas = pending.filter(isSchema).flatMap(({ bytes }) => [...readRecords(bytes)]);
  const sizes = batches.map((batch) => [...readRecords(batch)].reduce((sum, { value }) => sum + value!.length, 0));
  return { table, schemas, batches, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}
