/** `mask`: values made unreadable. */
import { createHmac } from 'node:crypto';
import type { Value } from '../../contracts/row.ts';
import { didYouMean } from '../../lib/did-you-mean.ts';
import { quoted } from '../../lib/printable.ts';
import { columnTypeOf, TEXT } from '../expression/types.ts';
import type { Run } from '../row-image.ts';
import type { StageColumn } from '../stage.ts';
import { arrayJson } from '../values/cell.ts';
import { codePointCount, lastCodePoints } from '../values/text.ts';
import { withoutHost } from './anonymize.ts';
import { columnMap } from './arguments.ts';
import { rawRun } from './raw-value.ts';
import type { Step, StepUse } from './step.ts';

const EXAMPLE = 'mask: { email: hash }';
const METHODS = ['hash', 'partial', 'anonymize', 'null'] as const;
type Method = (typeof METHODS)[number];

/** `partial` shows this many characters at the end, of values at least twice as long. */
const SHOWN = 4;
const HIDDEN = '****';

export const mask: Step = {
  verb: 'mask',
  summary:
    '`hash`: HMAC-SHA-256 of the value under `mask_key`, in hexadecimal, so that equal values stay equal; NULL stays NULL. `partial`: `****` and the last four characters, of values of eight or more. `anonymize`: an IPv4 address without its last 8 bits, an IPv6 address without its last 80; `****` for anything else. `null`: NULL. A table that lacks the column is not affected. A key column can only be hashed.',
  example: EXAMPLE,
  apply(use) {
    const { stage } = use;
    for (const [name, config] of columnMap(use, EXAMPLE)) {
      const method = methodOf(use, name, config);
      const column = use.column(name, { at: [name], onKey: true });
      if (method === null || column === undefined || !isAllowed(use, column, method)) continue;
      stage.columns[stage.columns.indexOf(column)] = masked(use, column, method);
    }
  },
};

/** YAML's own null is as good as the word. */
function methodOf(use: StepUse, name: string, config: unknown): Method | null {
  const word = config === null ? 'null' : config;
  const method = METHODS.find((known) => known === word);
  if (method === undefined) {
    const fix = (typeof word === 'string' ? didYouMean(word, METHODS) : undefined) ?? `there are ${METHODS.join(', ')}`;
    use.problem('step-argument', 'a way to mask must stand here', { at: [name], fix });
    return null;
  }
  if (method === 'hash' && use.maskKey === null) {
    const fix = 'set mask_key: ${MASK_KEY} in tailrace.yaml';
    use.problem('mask-key', '"hash" needs a secret key, and none is set', { at: [name], fix });
    return null;
  }
  return method;
}

function isAllowed(use: StepUse, { name, keyOrdinal }: StageColumn, method: Method): boolean {
  if (keyOrdinal === undefined || method === 'hash') return true;
  const message = `rows are identified by ${quoted(name)}: masked with "${method}", different rows would become one`;
  use.problem('key-column', message, { at: [name], fix: `mask: { ${name}: hash }` });
  return false;
}

function masked(use: StepUse, column: StageColumn, method: Method): StageColumn {
  const { stage } = use;
  const { name, inputs, ofRowOnly, is, type } = column;
  const base = { label: use.label(name), inputs, ofRowOnly };
  if (method === 'null') {
    const whole = { ...column, nullable: true };
    return stage.computed(whole, is ?? columnTypeOf(type), { ...base, run: () => null });
  }
  const conceal = method === 'hash' ? hashed(use.maskKey ?? '') : method === 'partial' ? partly : withoutAddress;
  const source = rawRun(stage, column);
  const run: Run = (row) => {
    const value = source(row);
    return value === null || value === undefined ? value : conceal(textOf(value as NonNullable<Value>));
  };
  return stage.computed(column, columnTypeOf(TEXT), { ...base, run });
}

/** The characters of its JSON text (without quotes); bytes as they are. */
function textOf(value: NonNullable<Value>): string | Uint8Array {
  if (typeof value === 'string' || value instanceof Uint8Array) return value;
  if (typeof value === 'object') return arrayJson(value);
  return Object.is(value, -0) ? '-0' : String(value);
}

function hashed(key: string): (value: string | Uint8Array) => string {
  return (value) => createHmac('sha256', key).update(value).digest('hex');
}

const withoutAddress = (value: string | Uint8Array) =>
  (typeof value === 'string' && withoutHost(value.replace(/\/\d+$/, ''))) || HIDDEN;

function partly(value: string | Uint8Array): string {
  if (typeof value !== 'string' || codePointCount(value) < 2 * SHOWN) return HIDDEN;
  return HIDDEN + lastCodePoints(value, SHOWN);
}
