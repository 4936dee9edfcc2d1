/**
 * Expressions to syntax trees. Operators bind as PostgreSQL's, from weak to strong:
 *
 *   or · and · not · is … · = <> < <= > >= (not chained) · between in like · || · + - · * / % · - (sign) · ::
 *
 * https://www.postgresql.org/docs/18/sql-syntax-lexical.html#SQL-PRECEDENCE
 */
import type { ArithmeticOperator, ComparisonOperator, Node, Span, TypeName } from './ast.ts';
import { tokens } from './lexer.ts';
import { MAX_DEPTH, MAX_LENGTH, MAX_NODES } from './limits.ts';
import { type ExpressionProblem, problemAt, SyntaxProblem } from './problem.ts';
import { TypeParser } from './type-parser.ts';

const OPERATORS = ['and', 'or', 'is', 'in', 'like', 'ilike', 'between', 'not'];
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

class Parser extends TypeParser {
  #depth = 0;
  #nodes = 0;

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

  #made<N extends Node>(node: N): N {
    if (++this.#nodes > MAX_NODES) this.#tooLarge(node, `more than ${MAX_NODES} columns, values and operators`);
    return node;
  }

  #nested<T>(parse: () => T): T {
    if (++this.#depth > MAX_DEPTH) this.#tooLarge(this.peek, `more than ${MAX_DEPTH} levels within each other`);
    const result = parse();
    this.#depth--;
    return result;
  }

  #tooLarge(place: Span, what: string): never {
    throw new SyntaxProblem(problemAt(place, 'expression-limit', `the expression has ${what}`));
  }

  #or(): Node {
    return this.#list('or', () => this.#list('and', () => this.#not()));
  }

  #list(kind: 'and' | 'or', parse: () => Node): Node {
    const operands = [parse()];
    while (this.takeKeyword(kind)) operands.push(parse());
    const [first] = operands;
    return operands.length === 1 ? first! : this.#made({ kind, operands, at: first!.at, end: this.end });
  }

  #not(): Node {
    const { at } = this.peek;
    if (!this.takeKeyword('not')) return this.#is();
    const operand = this.#nested(() => this.#not());
    return this.#made({ kind: 'not', operand, at, end: operand.end });
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
      operand = this.#made({ kind: 'is', operand, what, negated, at, end: this.end });
    }
    return operand;
  }

  #distinct(left: Node, negated: boolean): Node {
    if (!this.takeKeyword('distinct')) this.unexpected('null, true, false, unknown or distinct from', TESTS);
    this.expectKeyword('from');
    const right = this.#comparison();
    return this.#made({ kind: 'distinct', left, right, negated, at: left.at, end: this.end });
  }

  #comparison(): Node {
    const left = this.#range();
    const operator = this.#takeComparison();
    if (operator === null) return left;
    const right = this.#range();
    const again = this.peek;
    if (again.kind === 'symbol' && Object.hasOwn(COMPARISONS, again.text)) {
      const fix = 'join two comparisons with and';
      throw new SyntaxProblem(problemAt(again, 'expression-syntax', 'comparisons cannot be chained', { fix }));
    }
    return this.#made({ kind: 'comparison', operator, left, right, at: left.at, end: right.end });
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
    const items = this.#nested(() => this.#commaList());
    this.expectSymbol(')');
    return this.#made({ kind: 'in', operand, items, negated, at: operand.at, end: this.end });
  }

  #like(operand: Node, negated: boolean, ignoresCase: boolean): Node {
    const pattern = this.#join();
    const escapedBy = this.takeKeyword('escape') ? this.#join() : null;
    return this.#made({
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
    return this.#made({ kind: 'between', operand, low, high, negated, at: operand.at, end: this.end });
  }

  /** May be a comparison itself (PostgreSQL's `b_expr`). */
  #lowEnd(): Node {
    const left = this.#join();
    const operator = this.#takeComparison();
    if (operator === null) return left;
    const right = this.#join();
    return this.#made({ kind: 'comparison', operator, left, right, at: left.at, end: right.end });
  }

  #commaList(): Node[] {
    const items = [this.#or()];
    while (this.takeSymbol(',')) items.push(this.#or());
    return items;
  }

  #join(): Node {
    let left = this.#arithmetic(['+', '-'], () => this.#product());
    while (this.takeSymbol('||')) {
      const right = this.#arithmetic(['+', '-'], () => this.#product());
      left = this.#made({ kind: 'join', left, right, at: left.at, end: right.end });
    }
    return left;
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
      left = this.#made({ kind: 'arithmetic', operator, left, right, at: left.at, end: right.end });
    }
  }

  #sign(): Node {
    const { at } = this.peek;
    const operator = this.takeSymbol('-') ? '-' : this.takeSymbol('+') ? '+' : null;
    if (operator === null) return this.#colons();
    const operand = this.#nested(() => this.#sign());
    // A literal takes its sign with it: -9223372036854775808 is a bigint although 9223372036854775808 is none.
    if (operand.kind === 'number' && operator === '-') {
      const text = operand.text.startsWith('-') ? operand.text.slice(1) : `-${operand.text}`;
      return { ...operand, text, at };
    }
    return this.#made({ kind: 'sign', operator, operand, at, end: operand.end });
  }

  #colons(): Node {
    let operand = this.#primary();
    while (this.takeSymbol('::')) {
      const type = this.typeName();
      operand = this.#made({ kind: 'cast', operand, type, at: operand.at, end: type.end });
    }
    return operand;
  }

  #primary(): Node {
    const token = this.peek;
    const { at, end, text } = token;
    if (token.kind === 'word') return this.#word();
    if (token.kind === 'symbol' && text === '(') return this.#parenthesis();
    if (token.kind === 'end' || token.kind === 'symbol') this.unexpected('a column, a value or "("');
    this.next++;
    if (token.kind === 'number') return this.#made({ kind: 'number', text, at, end });
    if (token.kind === 'string') return this.#made({ kind: 'string', value: text, at, end });
    if (token.kind === 'fact') return this.#made({ kind: 'fact', name: text, at, end });
    return this.#column({ name: text, before: false, quoted: true, at, end });
  }

  #parenthesis(): Node {
    const { at } = this.take();
    const node = this.#nested(() => this.#or());
    this.expectSymbol(')');
    return { ...node, at, end: this.end };
  }

  #word(): Node {
    const { at, end, text } = this.peek;
    const keyword = this.keyword;
    if (keyword === 'case') return this.#case();
    if (keyword === 'not') return this.#not();
    if (keyword === 'null' || keyword === 'true' || keyword === 'false') {
      this.next++;
      return this.#made(
        keyword === 'null' ? { kind: 'null', at, end } : { kind: 'boolean', value: keyword === 'true', at, end },
      );
    }
    if (keyword !== null) this.unexpected('a column, a value or "("');
    this.next++;
    const follows = this.peek.kind === 'symbol' ? this.peek.text : '';
    if (follows === '(') return this.#call(text, at, end);
    if (follows === '.') return this.#dotted(text, at, end);
    return this.#column({ name: text, before: false, quoted: false, at, end });
  }

  #column(column: { name: string; before: boolean; quoted: boolean } & Span): Node {
    return this.#made({ kind: 'column', ...column });
  }

  /** `before.column`. */
  #dotted(owner: string, at: number, end: number): Node {
    this.next++;
    if (owner.toLowerCase() !== 'before') {
      const message = `only "before" may stand before the point`;
      const fix = `write the column alone; a column that has a point in its name is written in double quotes`;
      throw new SyntaxProblem(problemAt({ at, end }, 'expression-syntax', message, { fix }));
    }
    const token = this.peek;
    if (token.kind !== 'word' && token.kind !== 'quoted') this.unexpected('a column');
    this.next++;
    return this.#column({ name: token.text, before: true, quoted: token.kind === 'quoted', at, end: token.end });
  }

  #call(name: string, at: number, nameEnd: number): Node {
    this.next++;
    if (name.toLowerCase() === 'cast') return this.#cast(at);
    const args = this.peek.text === ')' && this.peek.kind === 'symbol' ? [] : this.#nested(() => this.#commaList());
    this.expectSymbol(')');
    return this.#made({ kind: 'call', name, nameEnd, args, at, end: this.end });
  }

  #cast(at: number): Node {
    const operand = this.#nested(() => this.#or());
    this.expectKeyword('as');
    const type = this.typeName();
    this.expectSymbol(')');
    return this.#made({ kind: 'cast', operand, type, at, end: this.end });
  }

  #case(): Node {
    const { at } = this.take();
    return this.#nested(() => {
      const operand = this.keyword === 'when' ? null : this.#or();
      const branches: { when: Node; result: Node }[] = [];
      while (this.takeKeyword('when')) {
        const when = this.#or();
        this.expectKeyword('then');
        branches.push({ when, result: this.#or() });
      }
      if (branches.length === 0) this.unexpected('"when"', ['when']);
      const otherwise = this.takeKeyword('else') ? this.#or() : null;
      this.expectKeyword('end');
      return this.#made({ kind: 'case', operand, branches, otherwise, at, end: this.end });
    });
  }
}
