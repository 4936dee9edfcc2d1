import { expect, test } from 'vitest';
import type { LogLine, WantedLines } from '../contracts/log-lines.ts';
import { LogBuffer } from './log-buffer.ts';

const NEVER = new AbortController().signal;

function bufferOf() {
  const passed: string[] = [];
  const buffer = new LogBuffer(() => 5);
  const log = buffer.keeping(
    (_, message) => void passed.push(message),
    (text) => text.replaceAll('canary', '***'),
  );
  return { buffer, log, passed };
}

async function lines(buffer: LogBuffer, wanted: Partial<WantedLines> = {}): Promise<LogLine[]> {
  const all: LogLine[] = [];
  for await (const list of buffer.read({ about: null, level: 'info', follow: false, ...wanted }, NEVER)) {
    all.push(...list);
  }
  return all;
}

const messages = async (...call: Parameters<typeof lines>) => (await lines(...call)).map(({ message }) => message);

test('lines are handed on, and found by level and by what they are about', async () => {
  const { buffer, log, passed } = bufferOf();
  log('info', 'sink', { sink: 'shop/out' });
  log('debug', 'not kept');
  log('warn', 'source', { source: 'db' });
  log('error', 'other source', { source: 'shop' });
  log('error', 'other sink', { sink: 'shopping/out' });
  log('info', 'pipeline', { pipeline: 'shop' });
  log('info', 'nobody');
  expect(passed).toHaveLength(7);
  expect(await messages(buffer)).toEqual(['sink', 'source', 'other source', 'other sink', 'pipeline', 'nobody']);
  expect(await messages(buffer, { about: { pipeline: 'shop', sources: ['db'] } })).toEqual([
    'sink',
    'source',
    'pipeline',
  ]);
  expect(await messages(buffer, { level: 'error' })).toEqual(['other source', 'other sink']);
});

test('invariant 12: kept without secrets, and of an unknown error the places alone', async () => {
  const { buffer, log } = bufferOf();
  const stack = 'Error: a row with canary-row\n    at f (x.ts:1:2)\n    at g (y.ts:3:4)';
  log('error', 'at canary', { url: 'x canary', count: 5n, none: null, list: [{ n: 1n, c: 'canary' }], stack });
  expect(await lines(buffer)).toEqual([
    {
      time: 5,
      level: 'error',
      message: 'at ***',
      fields: {
        url: 'x ***',
        count: '5',
        list: '[{"n":"1","c":"***"}]',
        stack: '    at f (x.ts:1:2)\n    at g (y.ts:3:4)',
      },
    },
  ]);
});

test('invariant 10: only the last lines are kept, and so much text', async () => {
  const { buffer, log } = bufferOf();
  for (let i = 0; i < 2_005; i++) log('info', String(i));
  const kept = await messages(buffer);
  expect([kept.length, kept[0]]).toEqual([2_000, '5']);
  for (let i = 0; i < 1_500; i++) log('info', 'x'.repeat(5_000));
  const long = await messages(buffer);
  expect([long.length, long[0]!.length]).toEqual([1_000, 2_000]);
});

test('a reader that follows gets what comes, is told what it missed, and ends when asked to', async () => {
  const { buffer, log } = bufferOf();
  const ended = new AbortController();
  log('info', 'old');
  const reading = buffer.read({ about: null, level: 'info', follow: true }, ended.signal);
  await reading.next();
  const next = reading.next();
  log('info', 'new');
  expect((await next).value).toMatchObject([{ message: 'new' }]);
  for (let i = 0; i < 2_003; i++) log('info', String(i));
  const { value } = await reading.next();
  expect(value).toHaveLength(2_001);
  expect(value!.slice(0, 2)).toMatchObject([{ level: 'warn', fields: { lines: '3' } }, { message: '3' }]);
  const last = reading.next();
  ended.abort();
  expect((await last).done).toBe(true);
});
