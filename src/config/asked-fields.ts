/** What somebody who writes a new pipeline must be asked. */
import type { Registry } from '../contracts/registry.ts';
import { type FieldSchema, fieldSchema } from './schema-keys.ts';

export interface AskedField {
  readonly key: string;
  readonly description: string;
  readonly isSecret: boolean;
}

/** The keys that a source or sink of the type cannot do without, in their order; null: there is no such type. */
export function askedFields(registry: Registry, kind: 'source' | 'sink', type: string): readonly AskedField[] | null {
  const manifest = kind === 'source' ? registry.source(type) : registry.sink(type);
  if (manifest === undefined) return null;
  const { properties = {}, required = [] } = fieldSchema(manifest.config);
  const own = required.map((key) => asked(key, properties[key] ?? {}));
  return kind === 'source' ? [...own, asked('tables', TABLES)] : own;
}

const TABLES: FieldSchema = { description: 'Tables to capture, as schema.table, with commas.' };

function asked(key: string, { description = '', secret = false }: FieldSchema): AskedField {
  return { key, description, isSecret: secret };
}
