/** Steps that plugins bring. */
import { expect, test } from 'vitest';
import { z } from 'zod';
import { change, column, table } from '../../test/support/changes.ts';
import type { StepManifest } from '../contracts/plugin.ts';
import { NOT_SENT } from '../contracts/row.ts';
import { createRules } from './index.ts';

const rules = createRules();
const context = { maskKey: null };
const T = table('t', [
  column('id', 'int64', 'bigint', { key: 1 }),
  column('name', 'text', 'text'),
  column('note', 'text', 'text'),
]);

const step = (verb: string, more: Partial<StepManifest> = {}): StepManifest => ({
  verb,
  summary: 's',
  example: `${verb}: name`,
  config: z.string(),
  reads: (config) => [String(config)],
  columns: () => ({ made: 'text' }),
  compile: (config) => (row) => ({ made: `${String(row[String(config)])} of ${Object.keys(row)}` }),
  ...more,
});

const use = (verb: string, config: unknown) => [{ verb, config, path: ['transform', 0] }];

test('compute columns from those that they read, and nothing from what was not sent', () => {
  rules.add!(step('shout'));
  expect(rules.verbs).toContain('shout');
  expect(() => rules.add!(step('shout'))).toThrow(expect.objectContaining({ code: 'plugin.clash' }));
  expect(rules.lint(use('shout', 'name'), context)).toEqual([]);
  const { apply, output } = bound(rules.compile(use('shout', 'name'), T, context));
  expect(output.columns.at(-1)).toMatchObject({ name: 'made', kind: 'text' });
  const made = (after: Parameters<typeof change>[1]['after']) =>
    apply(change(T, { op: 'update', version: 1, after: after! }))[0]!.after!.get(3);
  expect(made([1n, 'a', NOT_SENT])).toBe('a of name');
  // Invariant 9: not NULL either.
  expect(made([1n, NOT_SENT, 'n'])).toBe(NOT_SENT);
});

function bound(transform: ReturnType<typeof rules.compile>) {
  return { output: transform.output, apply: transform.apply.bind(transform) };
}

test('what is wrong with them is a problem at their place', () => {
  const fails = () => {
    throw new RangeError('canary');
  };
  rules.add!(step('odd_type', { columns: () => ({ made: 'no type' }) }));
  rules.add!(step('odd_compile', { compile: fails }));
  rules.add!(step('odd_none', { columns: () => ({}) }));
  rules.add!(step('odd_key', { columns: () => ({ id: 'bigint' }) }));
  rules.add!(step('odd_row', { compile: () => fails }));
  const codes = (verb: string, config: unknown) => rules.lintTable(use(verb, config), T).map(({ code }) => code);
  expect(codes('shout', 7)).toEqual(['step-argument']);
  expect(rules.lintTables([{ steps: use('shout', 'nam'), table: T }])).toMatchObject([
    { code: 'unknown-column', fix: 'did you mean "name"?', path: ['transform', 0, 'shout'] },
  ]);
  for (const verb of ['odd_type', 'odd_compile', 'odd_none']) expect(codes(verb, 'name')).toEqual(['step-plugin']);
  expect(codes('odd_key', 'name')).toEqual(['key-column']);
  const { apply } = bound(rules.compile(use('odd_row', 'name'), T, context));
  const call = () => apply(change(T, { op: 'insert', version: 1, after: [1n, 'a', null] }));
  expect(call).toThrow(
    expect.objectContaining({ code: 'rule.failed', message: expect.not.stringContaining('canary') }),
  );
});
