/** What is wrong with a request, in words. Never its values (Invariant 12). */
import type { z } from 'zod';
import { TailraceError } from '../contracts/errors.ts';
import { quoted } from '../lib/printable.ts';

type Issue = z.core.$ZodIssue;

export function invalid(message: string): TailraceError {
  return new TailraceError('api.invalid_request', message, {
    remedy: 'GET /openapi.json and docs/reference/http-api.md describe the routes',
  });
}

/** @param where what the fields are of, when there is no path: `the body` */
export function checked<S extends z.ZodObject>(schema: S, value: unknown, where: string): z.output<S> {
  const hidden = hiddenField(value, []);
  if (hidden !== null) throw invalid(`${name(hidden, where)} is not a field of the request`);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalid(problemOf(result.error.issues[0]!, [], schema, where));
}

/** A key that objects of this language treat apart: no field has that name. */
function hiddenField(value: unknown, path: readonly PropertyKey[]): readonly PropertyKey[] | null {
  if (typeof value !== 'object' || value === null || path.length > 8) return null;
  if (Object.hasOwn(value, '__proto__')) return [...path, '__proto__'];
  for (const [key, below] of Object.entries(value)) {
    const found = hiddenField(below, [...path, Array.isArray(value) ? Number(key) : key]);
    if (found !== null) return found;
  }
  return null;
}

function problemOf(issue: Issue, above: readonly PropertyKey[], schema: z.ZodObject, where: string): string {
  const path = [...above, ...issue.path];
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = path.length === 0 ? `; there are: ${Object.keys(schema.shape).join(', ') || 'none'}` : '';
      return `${name([...path, issue.keys[0] ?? ''], where)} is not a field of the request${known}`;
    }
    case 'invalid_union': {
      const nearest = deepest(issue.errors);
      if (nearest !== null) return problemOf(nearest, path, schema, where);
      return `${name(path, where)} ${words(issue)}`;
    }
    default:
      return `${name(path, where)} ${words(issue)}`;
  }
}

/** Of the ways in which no form fits, the one that came furthest. */
function deepest(errors: readonly (readonly Issue[])[]): Issue | null {
  const first = errors.flatMap((issues) => issues.slice(0, 1));
  const deep = first.filter((issue) => issue.path.length > 0 || issue.code === 'unrecognized_keys');
  return deep[0] ?? null;
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

function words(issue: Issue): string {
  if (/^must/.test(issue.message)) return issue.message;
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${KINDS[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be one of ${issue.values.join(', ')}`;
    case 'too_small':
      return `must be at least ${issue.minimum}${issue.origin === 'string' ? ' long' : ''}`;
    case 'too_big':
      return `must be at most ${issue.maximum}${issue.origin === 'number' || issue.origin === 'int' ? '' : ' long'}`;
    default:
      return 'has none of the forms that it may have';
  }
}

/** `"records[0].key"`. */
function name(path: readonly PropertyKey[], where: string): string {
  if (path.length === 0) return where;
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return quoted(text.replace(/^\./, ''));
}
