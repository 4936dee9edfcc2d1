/** The JSON Schema with which editors complete and check pipeline files: made from what lint checks them with. */
import type { z } from 'zod';
import type { Registry } from '../contracts/registry.ts';
import { pipelineKeys, sinkKeys, sourceKeys } from './pipeline-keys.ts';
import { type FieldSchema, fieldSchema } from './schema-keys.ts';

type Json = Readonly<Record<string, unknown>>;

/** Draft 2020-12. What only lint can know (columns, types, other files) is not in it. */
export function editorSchema(registry: Registry): Json {
  const { properties = {} } = plain(pipelineKeys);
  const sources = registry.sourceTypes.map((type) => part(sourceKeys, type, registry.source(type)!));
  const sinks = registry.sinkTypes.map((type) => part(sinkKeys, type, registry.sink(type)!));
  const either = (kind: string) => ({ oneOf: [{ required: [kind] }, { required: [`${kind}s`] }] });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Pipeline of Tailrace',
    type: 'object',
    additionalProperties: false,
    properties: {
      ...properties,
      source: described(properties.source, { $ref: '#/$defs/source' }),
      sources: described(properties.sources, { type: 'object', additionalProperties: { $ref: '#/$defs/source' } }),
      transform: described(properties.transform, { $ref: '#/$defs/steps' }),
      sink: described(properties.sink, { $ref: '#/$defs/sink' }),
      sinks: described(properties.sinks, { type: 'object', additionalProperties: { $ref: '#/$defs/sink' } }),
    },
    allOf: [either('source'), either('sink')],
    $defs: { source: byType(sources), sink: byType(sinks), steps: steps(registry.rules.verbs) },
  };
}

interface Part {
  readonly type: string;
  readonly schema: Json;
}

/** Keys of the connector beside those that all have. */
function part(
  common: z.ZodType,
  type: string,
  { summary, config }: { readonly summary: string; readonly config: z.ZodType },
): Part {
  const [shared, own] = [plain(common), plain(config)];
  const properties = {
    ...shared.properties,
    ...own.properties,
    type: { const: type, description: summary },
    transform: described(shared.properties?.transform, { $ref: '#/$defs/steps' }),
  };
  const required = [...new Set([...(shared.required ?? []), ...(own.required ?? [])])];
  return { type, schema: { type: 'object', additionalProperties: false, properties, required } };
}

/** By its type: an editor then tells what is wrong with it, and not that none of many forms fits. */
function byType(parts: readonly Part[]): Json {
  return {
    type: 'object',
    required: ['type'],
    properties: { type: { enum: parts.map(({ type }) => type) } },
    allOf: parts.map(({ type, schema }) => ({
      if: { properties: { type: { const: type } }, required: ['type'] },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: schema,
    })),
  };
}

function steps(verbs: readonly string[]): Json {
  return {
    type: 'array',
    items: {
      type: 'object',
      minProperties: 1,
      maxProperties: 1,
      additionalProperties: false,
      properties: Object.fromEntries(verbs.map((verb) => [verb, true])),
    },
  };
}

function described(field: unknown, schema: Json): Json {
  const { description } = (field ?? {}) as FieldSchema;
  return description === undefined ? schema : { description, ...schema };
}

interface Plain {
  readonly properties?: Readonly<Record<string, Json>>;
  readonly required?: readonly string[];
}

/** As zod writes it, but a variable may stand for every value. */
function plain(schema: z.ZodType): Plain {
  const { properties = {}, required = [] } = fieldSchema(schema);
  const open = Object.entries(properties).map(([key, field]) => [key, orVariable(field)] as const);
  return { properties: Object.fromEntries(open), required };
}

const VARIABLE = { type: 'string', pattern: '\\$\\{' };

function orVariable(schema: FieldSchema): Json {
  const { description, secret: _, path: __, ...field } = schema as FieldSchema & Json;
  const words = description === undefined ? {} : { description };
  const isFree = field.type === 'string' && field.enum === undefined && field.pattern === undefined;
  if (isFree || Object.keys(field).length === 0) return { ...words, ...field };
  const { default: fallback, ...rest } = field;
  const value = fallback === undefined || isObject(fallback) ? {} : { default: fallback };
  return { ...words, ...value, anyOf: [below(rest), VARIABLE] };
}

function below(field: FieldSchema): Json {
  if (field.properties === undefined) return field as Json;
  const open = Object.entries(field.properties).map(([key, one]) => [key, orVariable(one)]);
  return { ...field, properties: Object.fromEntries(open) };
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
