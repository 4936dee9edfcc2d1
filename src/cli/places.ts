/** Offsets, times and numbers as people write them. Throws `cli.usage`. */
import { TailraceError } from '../contracts/errors.ts';
import { quoted } from '../lib/printable.ts';
import type { CommandContext } from './command.ts';

const AGO_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DATE_TIME = /^\d{4}-\d{2}-\d{2}(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:?\d{2})?)?$/;

export const TIME_WORDS = `A time is a date (2026-11-24), with a time of day (2026-11-24T12:00:00Z; without a zone it is UTC), an age
(90s, 15m, 2h, 1d), or @ and milliseconds since 1970.`;

export type Place = { readonly at: 'offset'; readonly offset: string } | { readonly at: 'time'; readonly ms: number };

/** @param now ms since 1970 */
export function placeOf(option: string, text: string, now: number): Place {
  if (/^\d{1,19}$/.test(text)) return { at: 'offset', offset: text };
  return { at: 'time', ms: timeOf(option, text, now) };
}

/** ms since 1970. */
export function timeOf(option: string, text: string, now: number): number {
  const [, age, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (age !== undefined) return Math.max(0, now - Number(age) * AGO_MS[unit!]!);
  const [, ms] = /^@(\d{1,15})$/.exec(text) ?? [];
  if (ms !== undefined) return Number(ms);
  const [whole, time, zone] = DATE_TIME.exec(text) ?? [];
  const parsed =
    whole === undefined ? Number.NaN : Date.parse(time !== undefined && zone === undefined ? `${whole}Z` : whole);
  if (Number.isFinite(parsed)) return Math.max(0, parsed);
  throw new TailraceError('cli.usage', `--${option}: ${quoted(text)} is neither an offset nor a time`, {
    remedy: 'write 42, 2026-11-24T12:00:00Z, 15m (ago) or @1764000000000',
  });
}

/** PIPELINE/SINK, or a pipeline alone where that is enough. */
export function sinkPlace(
  { words }: CommandContext,
  command: string,
): { readonly pipeline: string; readonly sink: string | null } {
  const [pipeline = '', sink = null, more] = (words[0] ?? '').split('/');
  if (pipeline !== '' && sink !== '' && more === undefined) return { pipeline, sink };
  throw new TailraceError('cli.usage', `tailrace ${command} needs the name of a sink, as PIPELINE/SINK`, {
    remedy: 'tailrace status lists them',
  });
}

/** The same, of exactly one sink. */
export function oneSink(
  context: CommandContext,
  command: string,
): { readonly pipeline: string; readonly sink: string; readonly path: string } {
  const { pipeline, sink } = sinkPlace(context, command);
  if (sink !== null) {
    return { pipeline, sink, path: `/pipelines/${encodeURIComponent(pipeline)}/sinks/${encodeURIComponent(sink)}` };
  }
  throw new TailraceError('cli.usage', `tailrace ${command} needs one sink: ${quoted(pipeline)} is a pipeline`, {
    remedy: `write ${pipeline}/SINK; tailrace status lists them`,
  });
}

/** A whole number from `min` on, or undefined without the option. */
export function numberOption({ options }: CommandContext, name: string, min = 1): number | undefined {
  const text = options[name];
  if (typeof text !== 'string') return undefined;
  const number = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min) return number;
  throw new TailraceError('cli.usage', `--${name}: ${quoted(text)} is not a whole number from ${min} on`, {
    remedy: `write --${name} ${Math.max(min, 10)}`,
  });
}

/** `1,2` → [1, 2]; null without the option. */
export function partitionsOption({ options }: CommandContext): readonly number[] | null {
  const text = options.partition;
  if (typeof text !== 'string') return null;
  if (/^\d{1,6}(,\d{1,6})*$/.test(text)) return text.split(',').map(Number);
  throw new TailraceError('cli.usage', `--partition: ${quoted(text)} is not a list of partitions`, {
    remedy: 'write --partition 0 or --partition 0,2',
  });
}

export function textOption({ options }: CommandContext, name: string): string | undefined {
  const text = options[name];
  return typeof text === 'string' ? text : undefined;
}

/** The first word after the name of the command. */
export function wordOf({ words }: CommandContext, command: string, what: string): string {
  const [word] = words;
  if (word !== undefined && word !== '') return word;
  throw new TailraceError('cli.usage', `tailrace ${command} needs the name of a ${what}`, {
    remedy: `tailrace ${what}s ls lists them`,
  });
}
