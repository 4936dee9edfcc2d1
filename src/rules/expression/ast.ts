/** What the parser makes of an expression. Every node knows its place in the text: [at, end). */

export interface Span {
  readonly at: number;
  readonly end: number;
}

export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%';
/** `~` and such of patterns; `->` and such of JSON. */
export type OtherOperator = '~' | '~*' | '!~' | '!~*' | '->' | '->>' | '#>' | '#>>';
export type ComparisonOperator = '=' | '<>' | '<' | '<=' | '>' | '>=';

/** A type as written: `numeric(10, 2)`, `timestamp with time zone`; words lower case, joined by one space. */
export interface TypeName extends Span {
  readonly name: string;
  readonly modifiers: readonly number[];
  /** `text[]` */
  readonly isArray: boolean;
}

export type Node = Span &
  (
    | { readonly kind: 'number'; readonly text: string }
    | { readonly kind: 'string'; readonly value: string }
    | { readonly kind: 'null' }
    | { readonly kind: 'boolean'; readonly value: boolean }
    | { readonly kind: 'column'; readonly name: string; readonly before: boolean; readonly quoted: boolean }
    /** `$op` … without the dollar sign. */
    | { readonly kind: 'fact'; readonly name: string }
    | { readonly kind: 'sign'; readonly operator: '+' | '-'; readonly operand: Node }
    | { readonly kind: 'arithmetic'; readonly operator: ArithmeticOperator; readonly left: Node; readonly right: Node }
    | { readonly kind: 'other'; readonly operator: OtherOperator; readonly left: Node; readonly right: Node }
    /** `array[i]` */
    | { readonly kind: 'subscript'; readonly operand: Node; readonly index: Node }
    /** `array[a, b]` */
    | { readonly kind: 'array'; readonly items: readonly Node[] }
    /** `x = any(array)` */
    | {
        readonly kind: 'any';
        readonly operator: ComparisonOperator;
        readonly operand: Node;
        readonly array: Node;
        readonly all: boolean;
      }
    | { readonly kind: 'join'; readonly left: Node; readonly right: Node }
    | { readonly kind: 'comparison'; readonly operator: ComparisonOperator; readonly left: Node; readonly right: Node }
    | { readonly kind: 'distinct'; readonly left: Node; readonly right: Node; readonly negated: boolean }
    | { readonly kind: 'not'; readonly operand: Node }
    | { readonly kind: 'and' | 'or'; readonly operands: readonly Node[] }
    | {
        readonly kind: 'is';
        readonly operand: Node;
        readonly what: 'null' | 'true' | 'false' | 'unknown';
        readonly negated: boolean;
      }
    | { readonly kind: 'in'; readonly operand: Node; readonly items: readonly Node[]; readonly negated: boolean }
    | {
        readonly kind: 'between';
        readonly operand: Node;
        readonly low: Node;
        readonly high: Node;
        readonly negated: boolean;
      }
    | {
        readonly kind: 'like';
        readonly operand: Node;
        readonly pattern: Node;
        readonly escapedBy: Node | null;
        /** `ilike`. */
        readonly ignoresCase: boolean;
        readonly negated: boolean;
      }
    | { readonly kind: 'call'; readonly name: string; readonly nameEnd: number; readonly args: readonly Node[] }
    | { readonly kind: 'cast'; readonly operand: Node; readonly type: TypeName }
    | {
        readonly kind: 'case';
        /** `case x when …`; null for `case when condition …`. */
        readonly operand: Node | null;
        readonly branches: readonly { readonly when: Node; readonly result: Node }[];
        readonly otherwise: Node | null;
      }
  );

export type NodeOf<K extends Node['kind']> = Extract<Node, { readonly kind: K }>;
