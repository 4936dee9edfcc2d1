/** What people write: places, formats, answers to questions. */
import { describe, expect, test } from 'vitest';
import { cli, Terminal } from '../../test/support/cli.ts';
import { confirmed } from './confirm.ts';
import { placeOf, timeOf } from './places.ts';
import { recordFormat } from './record-format.ts';

const NOW = Date.parse('2026-11-25T12:00:00Z');

describe('places', () => {
  test.each([
    ['0', { at: 'offset', offset: '0' }],
    ['9007199254740993', { at: 'offset', offset: '9007199254740993' }],
    ['15m', { at: 'time', ms: NOW - 900_000 }],
    ['90s', { at: 'time', ms: NOW - 90_000 }],
    ['2h', { at: 'time', ms: NOW - 7_200_000 }],
    ['1d', { at: 'time', ms: NOW - 86_400_000 }],
    ['99999d', { at: 'time', ms: 0 }],
    ['@1764000000000', { at: 'time', ms: 1_764_000_000_000 }],
    ['2026-11-24', { at: 'time', ms: Date.UTC(2026, 10, 24) }],
    ['2026-11-24T12:30', { at: 'time', ms: Date.UTC(2026, 10, 24, 12, 30) }],
    ['2026-11-24 12:30:01.5', { at: 'time', ms: Date.UTC(2026, 10, 24, 12, 30, 1, 500) }],
    ['2026-11-24T12:30:00+02:00', { at: 'time', ms: Date.UTC(2026, 10, 24, 10, 30) }],
  ])('%s', (text, place) => {
    expect(placeOf('from', text, NOW)).toEqual(place);
  });

  test.each(['', '-1', '1.5', '15', '2026-13-01', '2026-11-24T25:00', '@x', '1w', 'yesterday'])(
    '%j is no time',
    (text) => {
      expect(() => timeOf('to-time', text, NOW)).toThrow(expect.objectContaining({ code: 'cli.usage' }));
    },
  );
});

describe('formats', () => {
  const record = {
    partition: 3,
    offset: '12',
    timestamp: 0,
    key: null,
    value: { $bytes: '/w==' },
    headers: [
      { key: 'a', value: 'b' },
      { key: 'c', value: null },
    ],
  };

  test.each([
    ['%t/%p@%o', 't/3@12'],
    ['%T|%k|%v|%h', '1970-01-01T00:00:00.000Z||/w==|a=b,c='],
    ['100%%\\n\\t\\\\', '100%\n\t\\'],
    ['', ''],
  ])('%j', (format, text) => {
    expect(recordFormat(format)(record, 't')).toBe(text);
  });

  test('a time that no calendar has is its number', () => {
    expect(recordFormat('%T')({ ...record, timestamp: 9e15 }, 't')).toBe('9000000000000000');
  });

  test.each(['%', '%x', '\\', '\\x'])('%j stands for nothing', (format) => {
    expect(() => recordFormat(format)).toThrow(expect.objectContaining({ code: 'cli.usage' }));
  });
});

describe('lines to write', () => {
  const write = (input: readonly string[], ...args: string[]) => cli(['topics', 'write', 't', ...args], { input });

  test('that are no records are named by their number, before anything is written', async () => {
    const cases = [
      [await write(['a', 'x'.repeat(1_000_001)]), 'line 2 of the input has more than'],
      [await write(['a:1', 'b'], '--separator', ':'), 'line 2 of the input has no separator'],
      [await write(['{}', '[', '{}'], '--objects'), 'line 2 of the input is not a JSON object'],
    ] as const;
    for (const [{ code, err }, message] of cases) {
      expect(code).toBe(2);
      expect(err).toContain(message);
    }
  });
});

describe('questions', () => {
  const ask = async (options: Record<string, boolean>, terminal: { isTty?: boolean; input?: string[] }) => {
    const io = new Terminal('/', terminal);
    const context = { options, words: [], io, app: () => Promise.reject(new Error('not needed')) };
    const outcome = await confirmed(context, 'what would be done\n', 'Do it?').catch((error) => error.message);
    return [outcome, io.err];
  };

  test('y is yes, everything else is no', async () => {
    const asked = 'what would be done\nDo it? [y/N] ';
    expect(await ask({}, { isTty: true, input: ['y'] })).toEqual([true, asked]);
    expect(await ask({}, { isTty: true, input: [' YES '] })).toEqual([true, asked]);
    for (const input of [[], [''], ['n'], ['yo'], ['n', 'y']]) {
      expect(await ask({}, { isTty: true, input })).toEqual(['nothing was done', asked]);
    }
  });

  test('nobody is asked with --yes, --dry-run, --json, and where nobody is there', async () => {
    expect(await ask({ yes: true }, {})).toEqual([true, '']);
    expect(await ask({ 'dry-run': true, yes: true }, { isTty: true, input: ['y'] })).toEqual([false, '']);
    const nobody = 'nothing was done: nobody is there to ask';
    expect(await ask({}, { input: ['y'] })).toEqual([nobody, 'what would be done\n']);
    expect(await ask({ json: true }, { isTty: true, input: ['y'] })).toEqual([nobody, '']);
  });
});
