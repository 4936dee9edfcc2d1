/** Rules written as in a file, run over changes made by hand. */
import { expect } from 'vitest';
import { type Change, NOT_SENT, type Row } from '../../src/contracts/row.ts';
import type { StepSource } from '../../src/contracts/rules.ts';
import type { TableSchema } from '../../src/contracts/schema.ts';
import { createRules } from '../../src/rules/index.ts';
import { type Cell, type ChangeInit, change, column, table } from './changes.ts';

export const rules = createRules();
export const MASK_KEY = 'secret';

export const PRODUCTS = table('products', [
  column('id', 'int64', 'bigint', { key: 1 }),
  column('name', 'text', 'text', { nullable: false }),
  column('price', 'decimal', 'numeric(12,2)', { precision: 12, scale: 2 }),
  column('stock', 'int32', 'integer'),
  column('published', 'bool', 'boolean'),
  column('description', 'text', 'text'),
]);

export type StepConfig = Readonly<Record<string, unknown>>;

export function steps(...configs: StepConfig[]): StepSource[] {
  return configs.map((config, i) => {
    const [[verb, value]] = Object.entries(config) as [[string, unknown]];
    return { verb, config: value, path: ['transform', i] };
  });
}

/** Compiled with a mask key. */
export const compile = (schema: TableSchema, ...configs: StepConfig[]) =>
  rules.compile(steps(...configs), schema, { maskKey: MASK_KEY });

/** The one change that comes out. */
export function apply(schema: TableSchema, configs: readonly StepConfig[], init: ChangeInit): Change {
  const out = compile(schema, ...configs).apply(change(schema, init));
  expect(out).toHaveLength(1);
  return out[0]!;
}

/** Values by name; not sent columns are absent. */
export const object = (row: Row | null) => row?.toObject();

/** The JSON texts of the row, by name. */
export function texts(row: Row | null): Record<string, string> {
  return Object.fromEntries(
    row!.columns.flatMap(({ name }, i) => {
      const bytes = row!.bytes(i);
      expect(bytes === undefined).toBe(row!.get(i) === NOT_SENT);
      return bytes === undefined ? [] : [[name, Buffer.from(bytes).toString()]];
    }),
  );
}

export const ROW: readonly Cell[] = [7n, 'Lamp', '12.50', 3, true, 'long text'];
