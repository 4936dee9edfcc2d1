/** Brings operands to the types that an operator works on. */
import { TailraceError } from '../../contracts/errors.ts';
import { didYouMean } from '../../lib/did-you-mean.ts';
import { quoted } from '../../lib/printable.ts';
import type { Binder } from './binder.ts';
import { type Bound, constant, isUnresolved, isUntyped, NO_ROW, strict1 } from './bound.ts';
import { type Convert, conversion } from './conversion.ts';
import { fromText } from './text-form.ts';
import { categoryOf, nameOf, sameType, TEXT, type Type, typeOf } from './types.ts';

/**
 * The operand as a value of `type`, if it becomes that by itself; null when it does not. Reports a literal that is no value
 * of the type.
 */
export function coerce(binder: Binder, operand: Bound, type: Type): Bound | null {
  if (isUnresolved(operand) || type.kind === 'unresolved') return operand;
  if (isUntyped(operand)) return typedLiteral(binder, operand, type);
  const found = conversion(operand.type, type);
  if (found === null || !found.implicit) return null;
  return converted(binder, operand, type, found.convert);
}

/** As `coerce`; what does not become the type is reported as a wrong argument of `what`. */
export function demand(binder: Binder, operand: Bound, type: Type, what: string): Bound {
  const found = coerce(binder, operand, type);
  if (found !== null) return found;
  const message = `${what} needs ${nameOf(type)}, this is ${nameOf(operand.type)}`;
  return binder.problem(operand.place, 'type-mismatch', message, castHint(operand, type));
}

function castHint(operand: Bound, type: Type): string | undefined {
  return conversion(operand.type, type) === null ? undefined : `write cast(… as ${type.native})`;
}

export function converted(binder: Binder, operand: Bound, type: Type, convert: Convert): Bound {
  if (sameType(operand.type, type) && operand.type.padded === type.padded) return operand;
  return binder.strict(operand.place, type, [operand], strict1(operand, convert));
}

/** A text literal or null that takes the type of its place. */
function typedLiteral(binder: Binder, operand: Bound, type: Type): Bound | null {
  const { place } = operand;
  const text = operand.run(NO_ROW) as string | null;
  if (text === null) return constant(place, type, null);
  const read = fromText(type);
  if (read === null) return null;
  try {
    const value = read(text);
    if (value !== null) return constant(place, unlimited(type), value);
  } catch (error) {
    if (!(error instanceof TailraceError)) throw error;
    return binder.problem(
      place,
      'invalid-literal',
      `${quoted(text)} is not a value of type ${nameOf(type)}: ${error.message}`,
    );
  }
  const fix =
    type.enum === undefined ? undefined : (didYouMean(text, type.enum) ?? `there are ${type.enum.join(', ')}`);
  return binder.problem(place, 'invalid-literal', `${quoted(text)} is not a value of type ${nameOf(type)}`, fix);
}

/** Literals that nothing gave a type are text. */
export function typed(binder: Binder, operand: Bound): Bound {
  return isUntyped(operand) ? (coerce(binder, operand, TEXT) ?? operand) : operand;
}

/**
 * The operands as values of one type, the most general of theirs (PostgreSQL: "UNION, CASE, and Related Constructs").
 * Null when there is none; then it was reported.
 */
export function unify(binder: Binder, operands: readonly Bound[], what: string): readonly Bound[] | null {
  const known = operands.filter((operand) => !isUntyped(operand) && !isUnresolved(operand));
  let [type = TEXT] = known.map((operand) => operand.type);
  for (const operand of known) {
    const next = operand.type;
    if (sameType(next, type)) continue;
    const isWider = conversion(type, next)?.implicit === true;
    const isNarrower = conversion(next, type)?.implicit === true;
    if (!isWider && !isNarrower) {
      const message = `${what} mixes ${nameOf(type)} and ${nameOf(next)}`;
      binder.problem(operand.place, 'type-mismatch', message, castHint(operand, type));
      return null;
    }
    // Kinds of text become each other: the first one stays.
    type = unlimited(isNarrower ? type : next);
  }
  if (known.length < operands.length && operands.some(isUnresolved)) return operands;
  return operands.map((operand) => demand(binder, operand, type, what));
}

/** Without limits on digits and length, which hold neither for a mixture nor for a literal. */
function unlimited(type: Type): Type {
  if (type.kind !== 'text') return categoryOf(type.kind) === 'number' ? typeOf(type.kind as 'decimal') : type;
  const native = type.native.replace(/\(\d+\)$/, '');
  return { kind: 'text', native, ...(type.padded && { padded: true }) };
}
