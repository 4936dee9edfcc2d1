/** Columns, values, calls and everything else that stands alone or begins with a word. */
import type { Node, Span } from './ast.ts';
import { MAX_DEPTH, MAX_NODES } from './limits.ts';
import { problemAt, SyntaxProblem } from './problem.ts';
import { TypeParser } from './type-parser.ts';

export abstract class PrimaryParser extends TypeParser {
  #depth = 0;
  #nodes = 0;

  /** Anything. */
  protected abstract expression(): Node;

  /** What binds stronger than comparisons, `in` and `like`. */
  protected abstract operand(): Node;

  protected abstract negation(): Node;

  protected made<N extends Node>(node: N): N {
    if (++this.#nodes > MAX_NODES) this.#tooLarge(node, `more than ${MAX_NODES} columns, values and operators`);
    return node;
  }

  protected nested<T>(parse: () => T): T {
    if (++this.#depth > MAX_DEPTH) this.#tooLarge(this.peek, `more than ${MAX_DEPTH} levels within each other`);
    const result = parse();
    this.#depth--;
    return result;
  }

  #tooLarge(place: Span, what: string): never {
    throw new SyntaxProblem(problemAt(place, 'expression-limit', `the expression has ${what}`));
  }

  protected primary(): Node {
    const token = this.peek;
    const { at, end, text } = token;
    if (token.kind === 'word') return this.#word();
    if (token.kind === 'symbol' && text === '(') return this.#parenthesis();
    if (token.kind === 'end' || token.kind === 'symbol') this.unexpected('a column, a value or "("');
    this.next++;
    if (token.kind === 'number') return this.made({ kind: 'number', text, at, end });
    if (token.kind === 'string') return this.made({ kind: 'string', value: text, at, end });
    if (token.kind === 'fact') return this.made({ kind: 'fact', name: text, at, end });
    return this.#column({ name: text, before: false, quoted: true, at, end });
  }

  #parenthesis(): Node {
    const { at } = this.take();
    const node = this.nested(() => this.expression());
    this.expectSymbol(')');
    return { ...node, at, end: this.end };
  }

  #word(): Node {
    const { at, end, text } = this.peek;
    const keyword = this.keyword;
    if (keyword === 'case') return this.#case();
    if (keyword === 'not') return this.negation();
    if (keyword === 'null' || keyword === 'true' || keyword === 'false') {
      this.next++;
      return this.made(
        keyword === 'null' ? { kind: 'null', at, end } : { kind: 'boolean', value: keyword === 'true', at, end },
      );
    }
    if (keyword !== null) this.unexpected('a column, a value or "("');
    this.next++;
    if (this.peek.kind === 'string') return this.#typedLiteral(text, at, end);
    const follows = this.peek.kind === 'symbol' ? this.peek.text : '';
    if (follows === '[' && text.toLowerCase() === 'array') return this.#array(at);
    if (follows === '(') return this.#call(text, at, end);
    if (follows === '.') return this.#dotted(text, at, end);
    return this.#column({ name: text, before: false, quoted: false, at, end });
  }

  /** `date '2024-02-29'` */
  #typedLiteral(name: string, at: number, end: number): Node {
    const token = this.take();
    const operand = this.made({ kind: 'string', value: token.text, at: token.at, end: token.end });
    const type = { name: name.toLowerCase(), modifiers: [], isArray: false, at, end };
    return this.made({ kind: 'cast', operand, type, at, end: token.end });
  }

  #column(column: { name: string; before: boolean; quoted: boolean } & Span): Node {
    return this.made({ kind: 'column', ...column });
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
    const special = this.#specialCall(name.toLowerCase(), at, nameEnd);
    if (special !== null) return special;
    const args = this.peek.text === ')' && this.peek.kind === 'symbol' ? [] : this.nested(() => this.commaList());
    if (name.toLowerCase() === 'substring' && args.length === 1) this.#fromFor(args);
    this.expectSymbol(')');
    return this.made({ kind: 'call', name, nameEnd, args, at, end: this.end });
  }

  /** Calls with words between their arguments, as SQL has them. */
  #specialCall(name: string, at: number, nameEnd: number): Node | null {
    if (name === 'cast') return this.#cast(at);
    if (name === 'extract') return this.#extract(at, nameEnd);
    if (name === 'position') return this.#position(at, nameEnd);
    return null;
  }

  /** `extract(field from x)` */
  #extract(at: number, nameEnd: number): Node {
    const { kind, text, at: start, end } = this.peek;
    if (kind !== 'word' && kind !== 'string') this.unexpected('the name of a field, for example year');
    this.next++;
    const field = this.made({ kind: 'string', value: text, at: start, end });
    this.expectKeyword('from');
    const operand = this.nested(() => this.expression());
    this.expectSymbol(')');
    return this.made({ kind: 'call', name: 'extract', nameEnd, args: [field, operand], at, end: this.end });
  }

  /** `position(part in text)` */
  #position(at: number, nameEnd: number): Node {
    const part = this.nested(() => this.operand());
    this.expectKeyword('in');
    const text = this.nested(() => this.operand());
    this.expectSymbol(')');
    return this.made({ kind: 'call', name: 'strpos', nameEnd, args: [text, part], at, end: this.end });
  }

  /** `substring(text from start for length)` */
  #fromFor(args: Node[]): void {
    if (!this.takeKeyword('from')) return;
    args.push(this.nested(() => this.expression()));
    if (this.peek.kind !== 'word' || this.peek.text.toLowerCase() !== 'for') return;
    this.next++;
    args.push(this.nested(() => this.expression()));
  }

  /** `array[a, b]` */
  #array(at: number): Node {
    this.next++;
    const isEmpty = this.peek.kind === 'symbol' && this.peek.text === ']';
    const items = isEmpty ? [] : this.nested(() => this.commaList());
    this.expectSymbol(']');
    return this.made({ kind: 'array', items, at, end: this.end });
  }

  protected commaList(): Node[] {
    const items = [this.expression()];
    while (this.takeSymbol(',')) items.push(this.expression());
    return items;
  }

  /** Does a parenthesis follow the word that comes next? */
  protected get isCall(): boolean {
    const { kind, text } = this.following;
    return kind === 'symbol' && text === '(';
  }

  #cast(at: number): Node {
    const operand = this.nested(() => this.expression());
    this.expectKeyword('as');
    const type = this.typeName();
    this.expectSymbol(')');
    return this.made({ kind: 'cast', operand, type, at, end: this.end });
  }

  #case(): Node {
    const { at } = this.take();
    return this.nested(() => {
      const operand = this.keyword === 'when' ? null : this.expression();
      const branches: { when: Node; result: Node }[] = [];
      while (this.takeKeyword('when')) {
        const when = this.expression();
        this.expectKeyword('then');
        branches.push({ when, result: this.expression() });
      }
      if (branches.length === 0) this.unexpected('"when"', ['when']);
      const otherwise = this.takeKeyword('else') ? this.expression() : null;
      this.expectKeyword('end');
      return this.made({ kind: 'case', operand, branches, otherwise, at, end: this.end });
    });
  }
}
