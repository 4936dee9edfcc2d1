/**
 * Expressions to syntax trees. Operators bind as PostgreSQL's, from weak to strong:
 *
 *   or · and · not · is … · = <> < <= > >= (not chained) · between in like · || · + - · * / % · - (sign) · ::
 *
 * https://www.postgresql.org/docs/18/sql-syntax-lexical.html#SQL-PRECEDENCE
 */
import type { ArithmeticOperator, ComparisonOperator, Node, OtherOperator, TypeName } from './ast.ts';
import { tokens } from './lexer.ts';
import { MAX_LENGTH } from './limits.ts';
import { PrimaryParser } from './primary-parser.ts';
import { type ExpressionProblem, problemAt, SyntaxProblem } from './problem.ts';

const OPERATORS = ['and', 'or', 'is', 'in', 'like', 'ilike', 'between', 'not'];
const OTHERS: readonly OtherOperator[] = ['~', '~*', '!~', '!~*', '->', '->>', '#>', '#>>'];
const TESTS = ['null', 'true', 'false', 'unknown', 'distinct'];
const COMPARISONS: Readonly<Record<string, ComparisonOperator>> = {
  '=': '=',
  '<>': '<>',
  '!=': '<>',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};

/** The syntax tree, or the first thing that is wrong. */
export function parseExpression(text: string): Node | ExpressionProblem {
  return parsed(text, (parser) => parser.whole());
}

/** A type alone: `numeric(10,2)`. */
export function parseTypeName(text: string): TypeName | ExpressionProblem {
  return parsed(text, (parser) => parser.wholeType());
}

function parsed<T>(text: string, parse: (parser: Parser) => T): T | ExpressionProblem {
  try {
    if (text.length > MAX_LENGTH) {
      const place = { at: 0, end: text.length };
      throw new SyntaxProblem(problemAt(place, 'expression-limit', `the expression is over ${MAX_LENGTH} characters`));
    }
    return parse(new Parser(tokens(text)));
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error;
    return error.problem;
  }
}

class Parser extends PrimaryParser {
  protected override expression(): Node {
    return this.#or();
  }

  protected override operand(): Node {
    return this.#join();
  }

  protected override negation(): Node {
    return this.#not();
  }

  whole(): Node {
    const node = this.#or();
    if (this.peek.kind !== 'end') this.unexpected('an operator or the end', OPERATORS);
    return node;
  }

  wholeType(): TypeName {
    const type = this.typeName();
    if (this.peek.kind !== 'end') this.unexpected('the end');
    return type;
  }

  #or(): Node {
    return this.#list('or', () => this.#list('and', () => this.#not()));
  }

  #list(kind: 'and' | 'or', parse: () => Node): Node {
    const operands = [parse()];
    while (this.takeKeyword(kind)) operands.push(parse());
    const [first] = operands;
    return operands.length === 1 ? first! : this.made({ kind, operands, at: first!.at, end: this.end });
  }

  #not(): Node {
    const { at } = this.peek;
    if (!this.takeKeyword('not')) return this.#is();
    const operand = this.nested(() => this.#not());
    return this.made({ kind: 'not', operand, at, end: operand.end });
  }

  #is(): Node {
    let operand = this.#comparison();
    while (this.takeKeyword('is')) {
      const negated = this.takeKeyword('not');
      const { at } = operand;
      const what = this.keyword;
      if (what !== 'null' && what !== 'true' && what !== 'false' && what !== 'unknown') {
        return this.#distinct(operand, negated);
      }
      this.next++;
      operand = this.made({ kind: 'is', operand, what, negated, at, end: this.end });
    }
    return operand;
  }

  #distinct(left: Node, negated: boolean): Node {
    if (!this.takeKeyword('distinct')) this.unexpected('null, true, false, unknown or distinct from', TESTS);
    this.expectKeyword('from');
    const right = this.#comparison();
    return this.made({ kind: 'distinct', left, right, negated, at: left.at, end: this.end });
  }

  #comparison(): Node {
    const left = this.#range();
    const operator = this.#takeComparison();
    if (operator === null) return left;
    const quantifier = this.#takeQuantifier();
    if (quantifier !== null) return this.#any(left, operator, quantifier);
    const right = this.#range();
    const again = this.peek;
    if (again.kind === 'symbol' && Object.hasOwn(COMPARISONS, again.text)) {
      const fix = 'join two comparisons with and';
      throw new SyntaxProblem(problemAt(again, 'expression-syntax', 'comparisons cannot be chained', { fix }));
    }
    return this.made({ kind: 'comparison', operator, left, right, at: left.at, end: right.end });
  }

  /** The word `any` or `all` with a parenthesis behind it. */
  #takeQuantifier(): 'any' | 'all' | null {
    const word = this.peek.kind === 'word' ? this.peek.text.toLowerCase() : '';
    if ((word !== 'any' && word !== 'all') || !this.isCall) return null;
    this.next++;
    return word;
  }

  #any(operand: Node, operator: ComparisonOperator, quantifier: 'any' | 'all'): Node {
    this.expectSymbol('(');
    const array = this.nested(() => this.#or());
    this.expectSymbol(')');
    const all = quantifier === 'all';
    return this.made({ kind: 'any', operator, operand, array, all, at: operand.at, end: this.end });
  }

  #takeComparison(): ComparisonOperator | null {
    const { kind, text } = this.peek;
    if (kind !== 'symbol' || !Object.hasOwn(COMPARISONS, text)) return null;
    this.next++;
    return COMPARISONS[text]!;
  }

  #range(): Node {
    let operand = this.#join();
    for (;;) {
      const start = this.next;
      const negated = this.takeKeyword('not');
      const ignoresCase = this.takeKeyword('ilike');
      if (ignoresCase || this.takeKeyword('like')) return this.#like(operand, negated, ignoresCase);
      if (this.takeKeyword('between')) return this.#between(operand, negated);
      if (!this.takeKeyword('in')) {
        this.next = start;
        return operand;
      }
      operand = this.#in(operand, negated);
    }
  }

  #in(operand: Node, negated: boolean): Node {
    this.expectSymbol('(');
    const items = this.nested(() => this.commaList());
    this.expectSymbol(')');
    return this.made({ kind: 'in', operand, items, negated, at: operand.at, end: this.end });
  }

  #like(operand: Node, negated: boolean, ignoresCase: boolean): Node {
    const pattern = this.#join();
    const escapedBy = this.takeKeyword('escape') ? this.#join() : null;
    return this.made({
      kind: 'like',
      operand,
      pattern,
      escapedBy,
      ignoresCase,
      negated,
      at: operand.at,
      end: this.end,
    });
  }

  #between(operand: Node, negated: boolean): Node {
    const low = this.#lowEnd();
    this.expectKeyword('and');
    const high = this.#join();
    return this.made({ kind: 'between', operand, low, high, negated, at: operand.at, end: this.end });
  }

  /** May be a comparison itself (PostgreSQL's `b_expr`). */
  #lowEnd(): Node {
    const left = this.#join();
    const operator = this.#takeComparison();
    if (operator === null) return left;
    const right = this.#join();
    return this.made({ kind: 'comparison', operator, left, right, at: left.at, end: right.end });
  }

  #join(): Node {
    let left = this.#sum();
    for (;;) {
      const place = { at: left.at, end: 0 };
      if (this.takeSymbol('||')) {
        const right = this.#sum();
        left = this.made({ kind: 'join', left, right, ...place, end: right.end });
        continue;
      }
      const operator = OTHERS.find((symbol) => this.takeSymbol(symbol));
      if (operator === undefined) return left;
      const right = this.#sum();
      left = this.made({ kind: 'other', operator, left, right, ...place, end: right.end });
    }
  }

  #sum(): Node {
    return this.#arithmetic(['+', '-'], () => this.#product());
  }

  #product(): Node {
    return this.#arithmetic(['*', '/', '%'], () => this.#sign());
  }

  #arithmetic(operators: readonly ArithmeticOperator[], parse: () => Node): Node {
    let left = parse();
    for (;;) {
      const operator = operators.find((symbol) => this.takeSymbol(symbol));
      if (operator === undefined) return left;
      const right = parse();
      left = this.made({ kind: 'arithmetic', operator, left, right, at: left.at, end: right.end });
    }
  }

  #sign(): Node {
    const { at } = this.peek;
    const operator = this.takeSymbol('-') ? '-' : this.takeSymbol('+') ? '+' : null;
    if (operator === null) return this.#colons();
    const operand = this.nested(() => this.#sign());
    // A literal takes its sign with it: -9223372036854775808 is a bigint although 9223372036854775808 is none.
    if (operand.kind === 'number' && operator === '-') {
      const text = operand.text.startsWith('-') ? operand.text.slice(1) : `-${operand.text}`;
      return { ...operand, text, at };
    }
    return this.made({ kind: 'sign', operator, operand, at, end: operand.end });
  }

  #colons(): Node {
    let operand = this.primary();
    for (;;) {
      const { at } = operand;
      if (this.takeSymbol('::')) {
        const type = this.typeName();
        operand = this.made({ kind: 'cast', operand, type, at, end: type.end });
      } else if (this.takeSymbol('[')) {
        const index = this.nested(() => this.#or());
        this.expectSymbol(']');
        operand = this.made({ kind: 'subscript', operand, index, at, end: this.end });
      } else return operand;
    }
  }
}
