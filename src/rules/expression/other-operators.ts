/** `~` and such for patterns, `->` and such for JSON. */
import { regexp } from '../regexp/regexp.ts';
import type { Cell, Present } from '../values/cell.ts';
import { jsonAsText, jsonElement, jsonField, jsonPath, jsonType } from '../values/json.ts';
import type { NodeOf } from './ast.ts';
import type { Binder } from './binder.ts';
import { type Bound, isUnresolved, isUntyped, strict2, unresolved } from './bound.ts';
import { coerce, demand } from './coerce.ts';
import { checkedOverload, checkLiterals, overload } from './overloads.ts';
import { arrayOf, BOOL, nameOf, TEXT, typeOf } from './types.ts';

export function bindOther(binder: Binder, node: NodeOf<'other'>): Bound {
  const left = binder.bind(node.left);
  const right = binder.bind(node.right);
  return node.operator.includes('~') ? bindMatch(binder, node, left, right) : bindPart(binder, node, left, right);
}

/** The blanks that pad a `character(n)` take part, those of a pattern do not. */
function bindMatch(binder: Binder, node: NodeOf<'other'>, left: Bound, right: Bound): Bound {
  const { operator } = node;
  const flags = operator.endsWith('*') ? 'i' : '';
  const wanted = !operator.startsWith('!');
  const text = left.type.kind === 'text' ? left : demand(binder, left, TEXT, `"${operator}"`);
  const pattern = demand(binder, right, TEXT, `"${operator}"`);
  const form = {
    ...overload([TEXT, TEXT], BOOL, (value: string, by: string) => regexp(by, flags).test(value) === wanted),
    check: ([, by]: readonly (Present | undefined)[]) => void (typeof by === 'string' && regexp(by, flags)),
  };
  if (!isUnresolved(text) && !isUnresolved(pattern)) return checkedOverload(binder, node, form, [text, pattern]);
  checkLiterals(binder, [form], [text, right]);
  return { ...unresolved(node), type: BOOL };
}

/** A `jsonb` that is neither object nor array counts as an array of itself, as in PostgreSQL. */
function find(operator: string, json: string, key: Present, isBinary: boolean): string | null {
  if (operator.startsWith('#')) return jsonPath(json, key as readonly (string | null)[]);
  if (typeof key !== 'number') return jsonField(json, key as string);
  const isAlone = isBinary && (key === 0 || key === -1) && !['object', 'array'].includes(jsonType(json));
  return isAlone ? json : jsonElement(json, key);
}

function bindPart(binder: Binder, node: NodeOf<'other'>, left: Bound, right: Bound): Bound {
  const { operator } = node;
  const asText = operator.endsWith('>>');
  if (isUnresolved(left) || isUnresolved(right)) return asText ? { ...unresolved(node), type: TEXT } : unresolved(node);
  const { type } = left;
  if (type.kind !== 'json') {
    const message = `"${operator}" needs JSON, this is ${nameOf(type)}`;
    return binder.problem(left.place, 'type-mismatch', message, 'write cast(… as jsonb)');
  }
  const key = keyOf(binder, operator, right);
  if (isUnresolved(key)) return key;
  const apply = (json: string, by: Present): Cell => {
    const found = find(operator, json, by, type.native === 'jsonb');
    return asText ? jsonAsText(found) : found;
  };
  const run = strict2(left, key, apply);
  const made = binder.strict(node, asText ? TEXT : type, [left, key], run);
  return made.constant ? made : { ...made, nullable: true };
}

/** A name, an index, or a path of them. */
function keyOf(binder: Binder, operator: string, key: Bound): Bound {
  if (operator.startsWith('#')) return demand(binder, key, arrayOf(TEXT), `"${operator}"`);
  const isName = isUntyped(key) || key.type.kind === 'text';
  const found = isName ? coerce(binder, key, TEXT) : coerce(binder, key, typeOf('int32'));
  if (found !== null) return found;
  const message = `behind "${operator}" stands a name or an index, this is ${nameOf(key.type)}`;
  return binder.problem(key.place, 'type-mismatch', message);
}
