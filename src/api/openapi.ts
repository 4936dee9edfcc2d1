/** The OpenAPI document, from the declarations of the routes. */
import { z } from 'zod';
import { needsToken, type Route } from './route.ts';

type Json = Readonly<Record<string, unknown>>;

/** Content type of what a route gives. */
export const CONTENT_TYPES: Readonly<Record<Route['gives'], string>> = {
  json: 'application/json',
  lines: 'application/x-ndjson',
  events: 'text/event-stream',
  text: 'text/plain',
};

const GIVES: Readonly<Record<Route['gives'], string>> = {
  json: 'The answer.',
  lines: 'Such values, one a line; then `{"end":true}`, or `{"error":…}` when it broke off.',
  events: 'Such values, one an event; then an event `end`, or `error` when it broke off.',
  text: 'Text.',
};

const ACCESS: Readonly<Record<Route['access'], string>> = {
  state: '',
  records: ' Needs the token: the answer may hold row contents.',
  change: ' Needs the token: it changes something, or plans to.',
};

/** OpenAPI 3.1. The same routes give the same document, byte for byte. */
export function openApi(routes: readonly Route[], version: string): Json {
  const paths: Record<string, Record<string, Json>> = Object.create(null);
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tailrace',
      version,
      description:
        'The HTTP API of a running instance, on its loopback address. What gives row contents away or changes something needs `Authorization: Bearer TOKEN`; the token is in `api.json` in the data directory.',
    },
    paths,
    components: {
      schemas: { Error: jsonSchema(ERROR, 'output') },
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  };
}

const ERROR = z.object({
  error: z.object({ code: z.string(), message: z.string(), remedy: z.string().optional() }),
});

function operation(route: Route): Json {
  const hasBody = Object.keys(route.body.shape).length > 0;
  const body = { required: true, content: { 'application/json': { schema: jsonSchema(route.body, 'input') } } };
  return {
    operationId: operationId(route),
    summary: `${route.summary}${ACCESS[route.access]}`,
    ...(needsToken(route) ? { security: [{ token: [] }] } : {}),
    parameters: [...parameters(route.params, 'path'), ...parameters(route.query, 'query')],
    ...(hasBody ? { requestBody: body } : {}),
    responses: responses(route),
  };
}

function operationId({ method, path }: Route): string {
  const words = path.split('/').filter((part) => part !== '');
  const name = words.map((word) => (word.startsWith(':') ? `By-${word.slice(1)}` : word)).join('-');
  const capitals = name.replaceAll(/(^|[^A-Za-z0-9]+)([a-zA-Z])/g, (_, __, letter: string) => letter.toUpperCase());
  return `${method.toLowerCase()}${capitals}`;
}

function parameters(fields: z.ZodObject, place: 'path' | 'query'): Json[] {
  const { properties = {}, required = [] } = jsonSchema(fields, 'input') as {
    readonly properties?: Readonly<Record<string, Json>>;
    readonly required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema,
  }));
}

function responses(route: Route): Json {
  const content = { [CONTENT_TYPES[route.gives]]: { schema: jsonSchema(route.answers, 'output') } };
  const error = { content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } };
  const others = Object.entries(route.statuses).map(([status, description]) => [status, { description, content }]);
  return {
    200: { description: GIVES[route.gives], content },
    ...Object.fromEntries(others),
    ...(needsToken(route) ? { 401: { description: 'Without the token of the instance.', ...error } } : {}),
    default: { description: 'What went wrong.', ...error },
  };
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any', override: withoutNoise });
  return rest;
}

/** Bounds that every whole number has. */
function withoutNoise({ jsonSchema: schema }: { readonly jsonSchema: Record<string, unknown> }): void {
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
}
