/** Plans as text. */
import type { PlanChange, Reloaded, ReloadPlan } from '../contracts/reload.ts';
import { printable } from '../lib/printable.ts';
import { counted } from './format.ts';
import type { Colour, Style } from './style.ts';

const SIGNS: Readonly<Record<PlanChange['change'], readonly [sign: string, colour: Colour]>> = {
  added: ['+', 'green'],
  removed: ['-', 'red'],
  changed: ['~', 'yellow'],
};

export function planText({ hash, changes, untouched }: ReloadPlan, style: Style): string {
  if (changes.length === 0) return 'nothing changes\n';
  const rest = untouched.length === 0 ? '' : `no effect on: ${untouched.map(printable).join(', ')}\n`;
  return `${changes.map((change) => changeText(change, style)).join('')}${rest}plan ${hash}\n`;
}

function changeText(change: PlanChange, { paint, signs }: Style): string {
  const [sign, colour] = SIGNS[change.change];
  const name = change.kind === 'sink' ? `${change.pipeline}/${change.name}` : change.name;
  const fields = change.fields.map(({ name: field, before, after }) => {
    const values =
      before === null && after === null ? '' : `  ${before ?? '(none)'} ${signs.arrow} ${after ?? '(none)'}`;
    return `    ${printable(`${field}${values}`)}\n`;
  });
  const consequences = change.consequences.map((text) => `      ${printable(text)}\n`);
  const next = change.remedy === null ? '' : `      ${signs.arrow} ${printable(change.remedy)}\n`;
  return `${paint(colour, sign)} ${change.kind} ${printable(name)}\n${[...fields, ...consequences].join('')}${next}`;
}

/** `started sink shop/cache; restarted sink shop/search`. */
export function reloadedText({ started, restarted, stopped }: Reloaded): string {
  const words = Object.entries({ started, restarted, stopped }).flatMap(([what, names]) =>
    names.length === 0 ? [] : [`${what} ${names.join(', ')}`],
  );
  return words.length === 0 ? 'nothing changes' : words.join('; ');
}

export function planSummary({ changes }: ReloadPlan): string {
  return changes.length === 0 ? 'nothing changes' : counted(changes.length, 'change');
}
