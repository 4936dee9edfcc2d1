/** Changes as lines of text. */
import type { ShownChange, ShownRow } from '../contracts/inspect.ts';
import { exactText } from '../lib/exact-json.ts';
import { printable } from '../lib/printable.ts';
import type { Style } from './style.ts';

/** Longer values are cut in a line: `--json` has them whole. */
const MAX_VALUE = 60;

/** `update  public.products  id=7  stock 3→0`. */
export function changeText(change: ShownChange, style: Style): string {
  const { op, table, key, before, after } = change;
  const colour = op === 'delete' || op === 'truncate' ? 'red' : op === 'update' ? 'yellow' : 'green';
  const words = [style.paint(colour, op.padEnd(8)), printable(table), keyText(key), columnsText(before, after, style)];
  return words.filter((word) => word !== '').join('  ');
}

/** `id=7`, `order=7,line=2`. */
export function keyText(key: string): string {
  try {
    const fields: unknown = JSON.parse(key, (_, value, context?: { source?: string }) =>
      typeof value === 'number' ? (context?.source ?? value) : value,
    );
    if (typeof fields !== 'object' || fields === null) return printable(key);
    return Object.entries(fields)
      .map(([name, value]) => printable(`${name}=${value}`))
      .join(',');
  } catch {
    return printable(key);
  }
}

/** What an update changed where the old row is known; otherwise the whole row. */
function columnsText(before: ShownRow | null, after: ShownRow | null, { signs }: Style): string {
  if (after === null) return '';
  const names = Object.keys(after);
  const isWhole = before !== null && names.every((name) => Object.hasOwn(before, name));
  if (!isWhole) return names.map((name) => `${printable(name)}=${valueText(after[name])}`).join(' ');
  return names
    .filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
    .map((name) => `${printable(name)} ${valueText(before[name])}${signs.arrow}${valueText(after[name])}`)
    .join(' ');
}

function valueText(value: unknown): string {
  const text = printable(exactText(value));
  return text.length <= MAX_VALUE ? text : `${text.slice(0, MAX_VALUE)}…`;
}

/** `12:04:01.131`, UTC. */
export function clockText(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString().slice(11, 23);
}
