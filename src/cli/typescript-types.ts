/** Tables as TypeScript types, as code that gets their rows sees them (`Value` of the contracts). */
import type { Column, Kind, TableDescription } from '../contracts/schema.ts';

const TYPES: Readonly<Partial<Record<Kind, string>>> = {
  bool: 'boolean',
  int16: 'number',
  int32: 'number',
  float32: 'number',
  float64: 'number',
  int64: 'bigint',
  uint64: 'bigint',
  bytes: 'Uint8Array',
};

export function typesText(tables: readonly TableDescription[]): string {
  const names = namesOf(tables);
  const interfaces = tables.map((table, i) => {
    const columns = table.columns.map((column) => `  /** ${comment(column.native)} */\n  ${columnText(column)}\n`);
    return `/** ${comment(`${table.source}: ${table.schema}.${table.table}`)} */\nexport interface ${names[i]} {\n${columns.join('')}}\n`;
  });
  const members = tables.map(({ schema, table }, i) => `  ${JSON.stringify(`${schema}.${table}`)}: ${names[i]};\n`);
  return `// Made by tailrace types: make it anew when tables change.\n\n${interfaces.join('\n')}\n/** By \`schema.table\`. */\nexport interface Tables {\n${members.join('')}}\n`;
}

function columnText({ name, nullable, ...column }: Column): string {
  const key = /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
  return `readonly ${key}: ${typeOf(column)}${nullable ? ' | null' : ''};`;
}

function typeOf({ kind, element, enum: labels }: Pick<Column, 'kind' | 'element' | 'enum'>): string {
  if (kind === 'array') return `readonly (${TYPES[element ?? 'other'] ?? 'string'} | null)[]`;
  if (labels !== undefined && labels.length > 0) return labels.map((label) => JSON.stringify(label)).join(' | ');
  return TYPES[kind] ?? 'string';
}

/** `public.order_items` → `OrderItems`; of equal names with what tells them apart. */
function namesOf(tables: readonly TableDescription[]): string[] {
  const short = tables.map(({ table }) => pascal(table));
  const long = tables.map(({ source, schema, table }) => pascal(`${source} ${schema} ${table}`));
  const isUnique = (names: readonly string[], i: number) => names.filter((name) => name === names[i]).length === 1;
  return tables.map((_, i) => (isUnique(short, i) ? short[i]! : isUnique(long, i) ? long[i]! : `${long[i]}${i + 1}`));
}

function pascal(text: string): string {
  const words = text.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  const name = words.map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`).join('');
  return /^[A-Za-z]/.test(name) ? name : `Table${name}`;
}

/** A name cannot end the comment that it stands in. */
function comment(text: string): string {
  return text.replaceAll('*/', '* /').replaceAll(/\s+/g, ' ');
}
