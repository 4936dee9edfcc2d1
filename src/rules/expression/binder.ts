/** Checks an expression against the columns it names and makes the closure that computes it. */
import { TailraceError } from '../../contracts/errors.ts';
import { didYouMean, nearest } from '../../lib/did-you-mean.ts';
import { quoted } from '../../lib/printable.ts';
import type { Run } from '../row-image.ts';
import { parseDecimal } from '../values/decimal.ts';
import { bindArithmetic, bindSign } from './arithmetic.ts';
import { bindAny, bindArray, bindSubscript } from './arrays.ts';
import type { Node, NodeOf, Span } from './ast.ts';
import { type Bound, constant, NO_ROW, unresolved } from './bound.ts';
import { bindCast } from './cast.ts';
import { bindCase, bindIn } from './choice.ts';
import { bindBetween, bindComparison, bindDistinct } from './comparison.ts';
import { bindCall } from './functions.ts';
import { bindIs, bindList, bindNot } from './logic.ts';
import { bindOther } from './other-operators.ts';
import { type ExpressionProblem, problemAt } from './problem.ts';
import { type ExpressionScope, FACTS, factRun, type ScopeColumn } from './scope.ts';
import { bindJoin, bindLike } from './text-operators.ts';
import { BOOL, DECIMAL, type Type, typeOf, UNTYPED } from './types.ts';

export class Binder {
  readonly problems: ExpressionProblem[] = [];
  /** Columns found, of the row and of the old row. */
  readonly columns = new Set<ScopeColumn>();
  looksAtOldRow = false;
  /** At what is particular to the event. */
  looksAtEvent = false;
  readonly #scope: ExpressionScope;

  constructor(scope: ExpressionScope) {
    this.#scope = scope;
  }

  bind(node: Node): Bound {
    switch (node.kind) {
      case 'number':
        return this.#number(node);
      case 'string':
        return constant(node, UNTYPED, node.value);
      case 'null':
        return constant(node, UNTYPED, null);
      case 'boolean':
        return constant(node, BOOL, node.value);
      case 'column':
        return this.#column(node);
      case 'fact':
        return this.#fact(node);
      default:
        return this.#operation(node);
    }
  }

  #operation(node: Exclude<Node, { kind: 'number' | 'string' | 'null' | 'boolean' | 'column' | 'fact' }>): Bound {
    switch (node.kind) {
      case 'sign':
        return bindSign(this, node);
      case 'arithmetic':
        return bindArithmetic(this, node);
      case 'join':
        return bindJoin(this, node);
      case 'other':
        return bindOther(this, node);
      case 'subscript':
        return bindSubscript(this, node);
      case 'array':
        return bindArray(this, node);
      case 'any':
        return bindAny(this, node);
      case 'comparison':
        return bindComparison(this, node);
      case 'distinct':
        return bindDistinct(this, node);
      case 'not':
        return bindNot(this, node);
      case 'and':
      case 'or':
        return bindList(this, node);
      case 'is':
        return bindIs(this, node);
      case 'in':
        return bindIn(this, node);
      case 'between':
        return bindBetween(this, node);
      case 'like':
        return bindLike(this, node);
      case 'call':
        return bindCall(this, node);
      case 'cast':
        return bindCast(this, node);
      case 'case':
        return bindCase(this, node);
    }
  }

  /** Reports and gives what stands for the broken part. */
  problem(place: Span, code: string, message: string, fix?: string): Bound {
    this.problems.push(problemAt(place, code, message, { fix }));
    return unresolved(place);
  }

  /**
   * An operation over `parts`. When all of them are constant it is computed now: an operation that always fails is found
   * while checking, and rows pay nothing for it.
   */
  made(place: Span, type: Type, parts: readonly Bound[], run: Run, nullable = true): Bound {
    const bound: Bound = { type, run, constant: false, place, nullable };
    if (!parts.every((part) => part.constant)) return bound;
    try {
      return constant(place, type, run(NO_ROW));
    } catch (error) {
      if (!(error instanceof TailraceError)) throw error;
      return this.problem(place, 'always-fails', `this always fails: ${error.message}`);
    }
  }

  /** As `made`, of an operation that is NULL when a part is: with a NULL written into the text nothing is computed at all. */
  strict(place: Span, type: Type, parts: readonly Bound[], run: Run): Bound {
    const isNull = parts.some((part) => part.constant && part.run(NO_ROW) === null);
    if (isNull) return constant(place, type, null);
    return this.made(
      place,
      type,
      parts,
      run,
      parts.some((part) => part.nullable),
    );
  }

  /** Whole numbers are of the smallest type from `integer` on that holds them; all others are `numeric`. */
  #number({ text, ...place }: NodeOf<'number'>): Bound {
    if (/^-?\d{1,30}$/.test(text)) {
      const value = BigInt(text);
      if (BigInt.asIntN(32, value) === value) return constant(place, typeOf('int32'), Number(value));
      if (BigInt.asIntN(64, value) === value) return constant(place, typeOf('int64'), value);
    }
    return this.made(place, DECIMAL, [], () => parseDecimal(text));
  }

  #column({ name, before, quoted: inQuotes, ...place }: NodeOf<'column'>): Bound {
    const column = this.#scope.column(name);
    if (column === undefined) return this.#absent(name, inQuotes, place);
    this.columns.add(column);
    const { type, nullable } = column;
    if (!before) return { type, run: column.run, constant: false, place, nullable };
    this.looksAtOldRow = true;
    return { type, run: ofOldRow(column.run), constant: false, place, nullable: true };
  }

  #absent(name: string, inQuotes: boolean, place: Span): Bound {
    const gone = this.#scope.gone(name);
    if (gone !== undefined) return this.problem(place, 'unknown-column', `column ${quoted(name)} ${gone}`);
    const names = this.#scope.names();
    let fix = didYouMean(name, names);
    if (fix === undefined && inQuotes) fix = `text is written in single quotes: '${name.replaceAll("'", "''")}'`;
    this.problems.push(problemAt(place, 'unknown-column', `there is no column ${quoted(name)}`, { fix, absent: name }));
    return unresolved(place);
  }

  #fact({ name, ...place }: NodeOf<'fact'>): Bound {
    const fact = FACTS.find((candidate) => candidate.name === name);
    if (fact === undefined) {
      const names = FACTS.map((candidate) => candidate.name);
      const near = nearest(name, names);
      const fix =
        near === undefined ? `there are ${names.map((known) => `$${known}`).join(', ')}` : `did you mean $${near}?`;
      return this.problem(place, 'unknown-fact', `there is no $${name}`, fix);
    }
    if (!fact.steady) this.looksAtEvent = true;
    return { type: fact.type, run: factRun(fact), constant: false, place, nullable: false };
  }
}

/** There is no old row of an insert: its columns are NULL. An update may come without one: then they are not known. */
function ofOldRow(run: Run): Run {
  return (row) => {
    if (row.older !== null) return run(row.older);
    return row.isOld || row.change.op === 'update' ? undefined : null;
  };
}
