/** Colours and signs of one output, as far as it can show them. */
import type { Io, Output } from './io.ts';

const CODES = { red: 31, green: 32, yellow: 33, cyan: 36, dim: 2, bold: 1 } as const;

export type Colour = keyof typeof CODES;

export interface Style {
  readonly colours: boolean;
  paint(colour: Colour, text: string): string;
  readonly signs: Signs;
}

interface Signs {
  readonly ok: string;
  readonly problem: string;
  readonly warning: string;
  readonly arrow: string;
  /** Of a bar. */
  readonly full: string;
  readonly empty: string;
}

const UNICODE: Signs = { ok: '✓', problem: '✗', warning: '!', arrow: '→', full: '█', empty: '░' };
const ASCII: Signs = { ok: '+', problem: 'x', warning: '!', arrow: '->', full: '#', empty: '.' };

/** No colours without a terminal or with NO_COLOR; plain signs where the locale has no UTF-8. */
export function styleOf(output: Output, env: Io['env']): Style {
  const colours = output.isTty && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  return {
    colours,
    paint: (colour, text) => (colours ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text),
    signs: /utf-?8/i.test(locale) ? UNICODE : ASCII,
  };
}
