/** What the schema of a plugin's settings says. */
import { z } from '../sdk/index.ts';

type Schema = z.core.JSONSchema.BaseSchema;

interface Field {
  readonly path: string;
  readonly schema: Schema;
}

/** All fields, those of maps and lists included. */
export function fieldsOf(config: z.ZodType): readonly Field[] {
  return below(jsonSchema(config), '');
}

/** Paths of maps that take keys which they do not know. */
export function looseMaps(config: z.ZodType): readonly string[] {
  const root = jsonSchema(config);
  const fields = [{ path: '(top)', schema: root }, ...below(root, '')];
  return fields
    .filter(({ schema }) => formsOf(schema).some((form) => form.properties && form.additionalProperties !== false))
    .map(({ path }) => path);
}

/** Texts that stand in the settings where the schema says that they are secret, and the passwords in their addresses. */
export function secretTexts(config: z.ZodType, settings: Readonly<Record<string, unknown>>): readonly string[] {
  const marked = new Set(
    fieldsOf(config)
      .filter(({ schema }) => formsOf(schema).some((form) => form.secret === true))
      .map(({ path }) => path),
  );
  return leaves(settings, '').flatMap(([path, text]) => (marked.has(path) ? [text] : []));
}

function jsonSchema(config: z.ZodType): Schema {
  return z.toJSONSchema(config, { io: 'input', unrepresentable: 'any' });
}

function formsOf(schema: Schema): readonly Schema[] {
  return [schema, ...(schema.anyOf ?? []).flatMap((form) => formsOf(form as Schema))];
}

function below(schema: Schema, prefix: string): readonly Field[] {
  return formsOf(schema).flatMap((form) => {
    const own = Object.entries(form.properties ?? {}).map(([name, field]) => ({
      path: `${prefix}${name}`,
      schema: field as Schema,
    }));
    const { items } = form;
    const inItems = typeof items === 'object' && !Array.isArray(items) ? below(items as Schema, `${prefix}[].`) : [];
    return [...own.flatMap((field) => [field, ...below(field.schema, `${field.path}.`)]), ...inItems];
  });
}

function leaves(value: unknown, path: string): readonly (readonly [path: string, text: string])[] {
  if (typeof value === 'string') return [[path, value]];
  if (Array.isArray(value)) return value.flatMap((item) => leaves(item, path));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path === '' ? key : `${path}.${key}`));
}
