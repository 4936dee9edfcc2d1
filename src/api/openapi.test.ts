import { expect, test } from 'vitest';
import { openApi } from './openapi.ts';
import { needsToken } from './route.ts';
import { routes } from './routes.ts';

interface Operation {
  readonly operationId: string;
  readonly security?: unknown;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<Record<string, object>>;
}

const document = openApi(routes, '1.2.3') as {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
};

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

test('every route is described once, with its access', () => {
  expect(document.openapi).toBe('3.1.0');
  expect(operations).toHaveLength(routes.length);
  expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(routes.length);
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    const operation = document.paths[path]![route.method.toLowerCase()]!;
    expect([route.path, operation.security !== undefined]).toEqual([route.path, needsToken(route)]);
    expect(Object.keys(operation.responses)).toContain('default');
  }
});

test('parameters of a path are those that stand in it', () => {
  for (const { path, operation } of operations) {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    const described = operation.parameters.filter((parameter) => parameter.in === 'path');
    expect(described.map(({ name }) => name)).toEqual(inPath);
    expect(described.every(({ required }) => required)).toBe(true);
  }
});

test('fields of queries and bodies are described as they are asked for', () => {
  const read = document.paths['/topics/{topic}/records']!.get!;
  expect(read.parameters.filter((parameter) => parameter.in === 'query')).toMatchObject([
    { name: 'from', required: false },
    { name: 'until', required: false },
    { name: 'partition', required: false },
    { name: 'key', required: false },
    { name: 'limit', required: false, schema: { type: 'string', pattern: '^\\d{1,15}$' } },
    { name: 'follow', required: false, schema: { enum: ['0', '1'] } },
  ]);
  const create = document.paths['/topics']!.post!;
  expect(create.requestBody!.content['application/json']!.schema).toMatchObject({
    type: 'object',
    additionalProperties: false,
    required: ['topic'],
    properties: { partitions: { type: 'integer', minimum: 1, default: 1 } },
  });
});
