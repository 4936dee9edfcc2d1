/** What SQL servers print of a value, as the kit compares it. */
import type { Kind } from '../../../src/contracts/schema.ts';

const TIMES: readonly (Kind | undefined)[] = ['timestamp', 'timestamptz', 'time'];
const TIME = /^(?:(\S+) )?(\d\d:\d\d:\d\d)(\.\d+)?(?:\+00)?( BC)?$/;

/** Of a session whose time zone is UTC. */
export function canonicalText(kind: Kind | undefined, text: string | null): string | null {
  if (text === null) return null;
  if (kind === 'bool') return ['1', 't', 'true'].includes(text) ? 'true' : 'false';
  if (kind === 'bytes') return text.replaceAll('\n', '');
  const match = TIMES.includes(kind) ? TIME.exec(text) : null;
  if (match === null) return text;
  const [, date, time, fraction = '.', before = ''] = match;
  const zone = kind === 'timestamptz' ? 'Z' : '';
  return `${date === undefined ? '' : `${date}T`}${time}${fraction.padEnd(7, '0')}${zone}${before}`;
}
