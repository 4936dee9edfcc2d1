/** Regular expressions as the parser reads them: PostgreSQL's advanced ones without what needs backtracking. */

/** A set of code points. */
export interface CharacterSet {
  has(codePoint: number): boolean;
}

/** Holds between two characters: at the ends of text or line, or where words begin and end. */
export type Assertion = 'start' | 'end' | 'line-start' | 'line-end' | 'word-start' | 'word-end' | 'edge' | 'no-edge';

export type Pattern =
  | { readonly kind: 'empty' }
  | { readonly kind: 'set'; readonly set: CharacterSet }
  | { readonly kind: 'assertion'; readonly assertion: Assertion }
  | {
      readonly kind: 'group';
      readonly inner: Pattern /** From 1; null: not captured. */;
      readonly number: number | null;
    }
  | { readonly kind: 'sequence'; readonly parts: readonly Pattern[] }
  | { readonly kind: 'choice'; readonly branches: readonly Pattern[] }
  | {
      readonly kind: 'repeat';
      readonly inner: Pattern;
      readonly min: number;
      /** Infinity: no limit. */
      readonly max: number;
      readonly greedy: boolean;
    };

export interface Flags {
  readonly ignoresCase: boolean;
  /** `^` and `$` stand at lines, and neither `.` nor `[^…]` goes beyond one. */
  readonly byLine: boolean;
}
