/** `like` and `||`. */
import { fail } from '../fail.ts';
import type { Run } from '../row-image.ts';
import type { Present } from '../values/cell.ts';
import { joinedJson } from '../values/json.ts';
import { codePointCount } from '../values/text.ts';
import type { NodeOf } from './ast.ts';
import type { Binder } from './binder.ts';
import { type Bound, isUnresolved, isUntyped, NO_ROW, strict1, strict2, strictN, unresolved } from './bound.ts';
import { converted, demand, typed } from './coerce.ts';
import { not3 } from './comparison.ts';
import { likeMatcher, type Matcher } from './like.ts';
import { toText } from './text-form.ts';
import { BOOL, JSONB, nameOf, TEXT, typeOf } from './types.ts';

const DEFAULT_ESCAPE = '\\';

export function bindLike(binder: Binder, node: NodeOf<'like'>): Bound {
  const text = binder.bind(node.operand);
  const lower = (part: Bound) => (node.ignoresCase ? lowered(binder, part) : part);
  // Blanks that pad the text take part, those that pad the pattern do not.
  const operand = lower(text.type.kind === 'text' ? text : demand(binder, text, TEXT, '"like"'));
  const pattern = lower(demand(binder, binder.bind(node.pattern), TEXT, '"like"'));
  const escapedBy = node.escapedBy === null ? null : demand(binder, binder.bind(node.escapedBy), TEXT, '"escape"');
  const parts = escapedBy === null ? [operand, pattern] : [operand, pattern, escapedBy];
  const constantPattern = parts.slice(1).every((part) => part.constant);
  const isNull = parts.some((part) => part.constant && part.run(NO_ROW) === null);
  const run = constantPattern && !isNull ? fixedLike(binder, operand, pattern, escapedBy) : freeLike(parts);
  if (run === null || parts.some(isUnresolved)) return { ...unresolved(node), type: BOOL };
  return binder.strict(node, BOOL, parts, node.negated ? (row) => not3(run(row)) : run);
}

/** In lower case both, as PostgreSQL compares them. */
function lowered(binder: Binder, part: Bound): Bound {
  if (isUnresolved(part)) return part;
  return binder.strict(
    part.place,
    part.type,
    [part],
    strict1(part, (text: string) => text.toLowerCase()),
  );
}

/** The usual case: the pattern is read once. Null when it is wrong, which was reported. */
function fixedLike(binder: Binder, operand: Bound, pattern: Bound, escapedBy: Bound | null): Run | null {
  let matches: Matcher = () => false;
  const prepared = binder.made(pattern.place, BOOL, [pattern], (row) => {
    matches = matcher(
      pattern.run(row) as string,
      escapedBy === null ? DEFAULT_ESCAPE : (escapedBy.run(NO_ROW) as string),
    );
    return true;
  });
  if (isUnresolved(prepared)) return null;
  return strict1(operand, (text: string) => matches(text));
}

function freeLike(parts: readonly Bound[]): Run {
  const match = (text: Present, pattern: Present, escapeCharacter: Present = DEFAULT_ESCAPE) =>
    matcher(pattern as string, escapeCharacter as string)(text as string);
  return strictN(parts, match);
}

function matcher(pattern: string, escapeCharacter: string): Matcher {
  return codePointCount(escapeCharacter) <= 1
    ? likeMatcher(pattern, escapeCharacter)
    : fail('an escape of "like" is more than one character');
}

/** Joins text; one side may be of another type, which is then written as text. Two `bytea` are joined as they are. */
export function bindJoin(binder: Binder, node: NodeOf<'join'>): Bound {
  const left = binder.bind(node.left);
  const right = binder.bind(node.right);
  const isJsonb = ({ type }: Bound) => type.native === 'jsonb';
  if ((isJsonb(left) && (isJsonb(right) || isUntyped(right))) || (isJsonb(right) && isUntyped(left))) {
    return joinJson(binder, node, left, right);
  }
  if (left.type.kind === 'bytes' || right.type.kind === 'bytes') return joinBytes(binder, node, left, right);
  const isText = ({ type }: Bound) => type.kind === 'text' || type.kind === 'untyped' || type.kind === 'unresolved';
  if (!isText(left) && !isText(right)) {
    const message = `"||" joins text, this is ${nameOf(left.type)} and ${nameOf(right.type)}`;
    return binder.problem(node, 'type-mismatch', message, 'write cast(… as text)');
  }
  const [x, y] = [asText(binder, left), asText(binder, right)];
  if (isUnresolved(x) || isUnresolved(y)) return { ...unresolved(node), type: TEXT };
  return binder.strict(
    node,
    TEXT,
    [x, y],
    strict2(x, y, (a: string, b: string) => a + b),
  );
}

/** Objects become one, of equal keys the right one counts; everything else is joined as arrays. */
function joinJson(binder: Binder, node: NodeOf<'join'>, left: Bound, right: Bound): Bound {
  const [x, y] = [demand(binder, left, JSONB, '"||"'), demand(binder, right, JSONB, '"||"')];
  if (isUnresolved(x) || isUnresolved(y)) return unresolved(node);
  return binder.strict(node, JSONB, [x, y], strict2(x, y, joinedJson));
}

function asText(binder: Binder, part: Bound): Bound {
  const operand = typed(binder, part);
  if (isUnresolved(operand)) return operand;
  if (operand.type.kind === 'array') {
    return binder.problem(operand.place, 'type-mismatch', 'arrays cannot be joined', 'write array_to_string(…)');
  }
  const convert = toText(operand.type);
  if (convert !== null) return converted(binder, operand, TEXT, convert);
  return binder.problem(operand.place, 'type-mismatch', `${nameOf(operand.type)} cannot be written as text`);
}

function joinBytes(binder: Binder, node: NodeOf<'join'>, left: Bound, right: Bound): Bound {
  const isTextual = (operand: Bound) => operand.type.kind === 'text';
  if (isTextual(left) || isTextual(right)) {
    const [x, y] = [asText(binder, left), asText(binder, right)];
    return binder.made(
      node,
      TEXT,
      [x, y],
      strict2(x, y, (a: string, b: string) => a + b),
      x.nullable || y.nullable,
    );
  }
  const type = typeOf('bytes');
  const [x, y] = [demand(binder, left, type, '"||"'), demand(binder, right, type, '"||"')];
  if (isUnresolved(x) || isUnresolved(y)) return unresolved(node);
  return binder.strict(
    node,
    type,
    [x, y],
    strict2(x, y, (a: Uint8Array, b: Uint8Array) => Buffer.concat([a, b])),
  );
}
