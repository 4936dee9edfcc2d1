/** Tables of Markdown, and keys of a schema as such a table. */
import type { z } from 'zod';
import { type FieldSchema, fieldSchema } from '../../src/config/schema-keys.ts';

export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

/** One row per key; keys of maps below it as `map.key`, of maps with names of the user's choice `map.NAME.key`, of lists `list[].key`. */
export function keyTable(schema: z.ZodType): string {
  return table(['key', 'values', 'default', 'meaning'], keyRows(fieldSchema(schema), ''));
}

function keyRows(map: FieldSchema, prefix: string): string[][] {
  return Object.entries(map.properties ?? {}).flatMap(([key, field]) => {
    const isRequired = map.required?.includes(key) === true;
    const fallback =
      field.default === undefined || isEmptyMap(field.default) ? '' : `\`${JSON.stringify(field.default)}\``;
    const name = `${prefix}${key}`;
    const below = formsOf(field).flatMap((form) => rowsBelow(form, name));
    return [[`\`${name}\``, valuesOf(field), isRequired ? 'required' : fallback, field.description ?? ''], ...below];
  });
}

function rowsBelow(form: FieldSchema, name: string): string[][] {
  const { additionalProperties: values, items } = form;
  return [
    ...keyRows(form, `${name}.`),
    ...(typeof values === 'object' ? keyRows(values, `${name}.NAME.`) : []),
    ...(items === undefined ? [] : keyRows(items, `${name}[].`)),
  ];
}

function isEmptyMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function formsOf(field: FieldSchema): readonly FieldSchema[] {
  return field.anyOf === undefined ? [field] : field.anyOf.flatMap(formsOf);
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'whole number',
  number: 'number',
  boolean: '`true`, `false`',
  array: 'list',
  object: 'map',
};

function valuesOf(field: FieldSchema): string {
  const words = formsOf(field).flatMap((form) => {
    if (form.enum !== undefined) return form.enum.map((value) => `\`${value}\``);
    if (form.const !== undefined) return [`\`${form.const}\``];
    return [TYPES[form.type ?? ''] ?? 'see below'];
  });
  return [...new Set(words)].join(', ');
}
