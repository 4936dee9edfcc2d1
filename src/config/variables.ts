/**
 * Variables in scalars, in the syntax of Compose: `${NAME}`, `${NAME:-default}` (also when it is set but empty),
 * `${file:/run/secrets/x}`; `$${` stands for a literal `${`. They are resolved after YAML is parsed, one scalar at a time,
 * so a value can never change the structure of a file.
 */
import { didYouMean } from '../lib/did-you-mean.ts';
import { quoted } from '../lib/printable.ts';

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** In one value. */
const MAX_VARIABLES = 100;
const LITERAL_HINT = 'write $${ for a literal ${';

/** Where variables come from. */
export interface VariableSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Content of a file, or what is wrong with it. */
  readonly readFile: (path: string) => { readonly text: string } | { readonly problem: string };
}

/** A piece of a scalar: literal text or one variable. */
interface Piece {
  /** Offsets in the scalar's text. */
  readonly from: number;
  readonly to: number;
  readonly value: string;
  readonly variable: string | null;
}

export interface VariableProblem {
  readonly code: 'unknown-variable' | 'variable-syntax' | 'variable-file';
  readonly message: string;
  readonly fix?: string;
  /** Offsets in the scalar's text. */
  readonly from: number;
  readonly to: number;
}

/** What a scalar with variables stands for. */
export class Resolution {
  readonly value: string;
  /** Variable as written → its value. Never shown (Invariant 12). */
  readonly variables: readonly (readonly [written: string, value: string])[];
  readonly problems: readonly VariableProblem[];
  /** Each variable with its offset in the text as written. */
  readonly uses: readonly { readonly written: string; readonly at: number }[];
  readonly #pieces: readonly Piece[];

  constructor(pieces: readonly Piece[], problems: readonly VariableProblem[]) {
    this.#pieces = pieces;
    this.problems = problems;
    this.value = pieces.map(({ value }) => value).join('');
    this.uses = pieces.flatMap(({ variable, from }) => (variable === null ? [] : [{ written: variable, at: from }]));
    this.variables = pieces.flatMap(({ variable, value }) => (variable === null ? [] : [[variable, value] as const]));
  }

  /** Offset in the value → offset in the text as written. Anything inside a variable's value is the variable's start. */
  written(offset: number): number {
    let at = 0;
    for (const { from, value, variable } of this.#pieces) {
      if (offset < at + value.length) return variable === null ? from + offset - at : from;
      at += value.length;
    }
    return this.#pieces.at(-1)?.to ?? 0;
  }

  /** The first variable, as written, whose value has a part between two offsets in the value; with its place as written. */
  variableIn(
    from: number,
    to: number,
  ): { readonly written: string; readonly from: number; readonly to: number } | null {
    let at = 0;
    for (const piece of this.#pieces) {
      const end = at + piece.value.length;
      if (piece.variable !== null && from < end && at < to) {
        return { written: piece.variable, from: piece.from, to: piece.to };
      }
      at = end;
    }
    return null;
  }
}

/** Null when there is nothing to resolve. */
export function resolveVariables(text: string, source: VariableSource): Resolution | null {
  if (!text.includes('${')) return null;
  const pieces: Piece[] = [];
  const problems: VariableProblem[] = [];
  let at = 0;
  const literal = (to: number) => {
    if (to > at) pieces.push({ from: at, to, value: text.slice(at, to), variable: null });
    at = to;
  };
  for (let open = text.indexOf('${'); open !== -1; open = text.indexOf('${', at)) {
    if (text[open - 1] === '$') {
      // `$${`: the first dollar sign and the brace stay.
      literal(open);
      at = open + 1;
      continue;
    }
    literal(open);
    if (pieces.length > 2 * MAX_VARIABLES) {
      const message = `more than ${MAX_VARIABLES} variables in one value`;
      problems.push({
        code: 'variable-syntax',
        message,
        fix: 'put what they make into one variable',
        from: open,
        to: open + 2,
      });
      break;
    }
    const close = text.indexOf('}', open);
    const to = close === -1 ? text.length : close + 1;
    const outcome =
      close === -1
        ? { code: 'variable-syntax' as const, message: '"${" is not closed', fix: LITERAL_HINT }
        : variableValue(text.slice(open + 2, close), source);
    if (typeof outcome === 'string') {
      pieces.push({ from: open, to, value: outcome, variable: text.slice(open, to) });
    } else {
      problems.push({ ...outcome, from: open, to });
      pieces.push({ from: open, to, value: '', variable: text.slice(open, to) });
    }
    at = to;
  }
  literal(text.length);
  return new Resolution(pieces, problems);
}

function variableValue(
  inside: string,
  { env, readFile }: VariableSource,
): string | Pick<VariableProblem, 'code' | 'message' | 'fix'> {
  if (inside.startsWith('file:')) {
    const content = readFile(inside.slice('file:'.length));
    return 'text' in content ? content.text : { code: 'variable-file', message: content.problem };
  }
  const dash = inside.indexOf(':-');
  const name = dash === -1 ? inside : inside.slice(0, dash);
  if (!NAME.test(name)) {
    const message = `${quoted(`\${${inside}}`)} is not a variable: names have letters, digits and _`;
    return {
      code: 'variable-syntax',
      message,
      fix: `write \${NAME}, \${NAME:-default} or \${file:path}; ${LITERAL_HINT}`,
    };
  }
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  if (dash !== -1) return value === undefined || value === '' ? inside.slice(dash + 2) : value;
  if (value !== undefined) return value;
  const fix = didYouMean(name, Object.keys(env)) ?? `set it in the environment, or write \${${name}:-default}`;
  return { code: 'unknown-variable', message: `the variable ${quoted(name)} is not set`, fix };
}
