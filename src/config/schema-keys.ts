/** What a schema says of its keys, for suggestions, documentation and masking. */
import { z } from 'zod';
import { type Path, scalars, type TreeNode } from './tree.ts';

/** The part of JSON Schema that zod writes and we read. */
export interface FieldSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly FieldSchema[];
  readonly properties?: Readonly<Record<string, FieldSchema>>;
  /** Of a map with keys of the user's choice: what each value is. */
  readonly additionalProperties?: FieldSchema | boolean;
  readonly items?: FieldSchema;
  readonly required?: readonly string[];
  readonly secret?: boolean;
  readonly path?: boolean;
}

const cache = new WeakMap<z.ZodType, FieldSchema>();

export function fieldSchema(schema: z.ZodType): FieldSchema {
  let found = cache.get(schema);
  if (found === undefined) {
    found = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as FieldSchema;
    cache.set(schema, found);
  }
  return found;
}

/** Keys that a map at `path` may have. */
export function keysAt(schema: z.ZodType, path: Path): string[] {
  let fields: readonly FieldSchema[] = alternatives(fieldSchema(schema));
  for (const part of path) fields = fields.flatMap((field) => below(field, part));
  return [...new Set(fields.flatMap((field) => Object.keys(field.properties ?? {})))];
}

/** Paths of the fields that hold secrets; `*` stands for a key of the user's choice and for a place in a list. */
export function secretPaths(schema: z.ZodType): Path[] {
  return markedPaths(fieldSchema(schema), 'secret', []);
}

/** Paths of everything in the node that is a secret by its schema. */
export function secretsIn(schema: z.ZodType, node: TreeNode): Path[] {
  return [...scalars(node)].flatMap(([, path]) => {
    let fields: readonly FieldSchema[] = alternatives(fieldSchema(schema));
    for (const part of path) fields = fields.flatMap((field) => below(field, part));
    return fields.some(({ secret }) => secret === true) ? [path] : [];
  });
}

/** Paths of the fields that name files. */
export function filePaths(schema: z.ZodType): Path[] {
  return markedPaths(fieldSchema(schema), 'path', []);
}

function markedPaths(field: FieldSchema, mark: 'secret' | 'path', path: Path): Path[] {
  return alternatives(field).flatMap((one) => [
    ...(one[mark] === true ? [path] : []),
    ...Object.entries(one.properties ?? {}).flatMap(([key, value]) => markedPaths(value, mark, [...path, key])),
    ...(typeof one.additionalProperties === 'object'
      ? markedPaths(one.additionalProperties, mark, [...path, '*'])
      : []),
    ...(one.items === undefined ? [] : markedPaths(one.items, mark, [...path, '*'])),
  ]);
}

function alternatives(field: FieldSchema): readonly FieldSchema[] {
  return field.anyOf === undefined ? [field] : [field, ...field.anyOf.flatMap(alternatives)];
}

function below(field: FieldSchema, part: string | number): readonly FieldSchema[] {
  const next = typeof part === 'number' ? field.items : ownProperty(field, part);
  return next === undefined ? [] : alternatives(next);
}

function ownProperty(field: FieldSchema, key: string): FieldSchema | undefined {
  if (field.properties !== undefined && Object.hasOwn(field.properties, key)) return field.properties[key];
  return typeof field.additionalProperties === 'object' ? field.additionalProperties : undefined;
}
