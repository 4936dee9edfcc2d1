import { expect, test, vi } from 'vitest';
import { FakeRunning, fakeApp, projectDir, STOPPED, Terminal } from '../../test/support/cli.ts';
import type { App } from '../contracts/app.ts';
import type { InstanceStatus, TaskState } from '../contracts/control.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { Logger } from '../contracts/plugin.ts';
import { main } from './main.ts';

const SHOP = `name: shop
source:
  type: postgres
  url: postgres://shop:hunter2hunter2@h/d
  tables: [public.products]
sink: { type: sqlite, path: out.db }
`;

const CONDITION = { timeout: 5_000, interval: 5 };

/** `tailrace run` over a fake instance; `log` is what the runtime writes with. */
function start(
  options: { words?: string[]; isTty?: boolean; files?: Record<string, string>; app?: Partial<App> } = {},
) {
  const { words = [], isTty = false, files = { 'shop.yaml': SHOP } } = options;
  const running = new FakeRunning();
  const terminal = new Terminal(projectDir(files), { isTty });
  const given: { log?: Logger } = {};
  const app = fakeApp({
    start: async (_, __, log) => {
      given.log = log;
      return running.loggingTo(log);
    },
    ...options.app,
  });
  const exit = main(['run', ...words], async () => app, terminal);
  const ready = () => vi.waitFor(() => expect(terminal.out).toContain('running shop'), CONDITION);
  return { running, terminal, exit, ready, log: (...line: Parameters<Logger>) => given.log!(...line) };
}

function statusWith(source: TaskState, sink: TaskState, rows = 0): InstanceStatus {
  const counts = { problem: null, rows, transactions: 0, position: null, lastCommitMs: null };
  const sinkCounts = { problem: null, records: 0, deadLetters: 0, lagRecords: 0, lagMs: 0 };
  const sources = [{ name: 'shop', type: 'postgres', state: source, ...counts }];
  const sinks = [{ name: 'sink', type: 'sqlite', state: sink, ...sinkCounts }];
  return { ...STOPPED, running: true, pipelines: [{ name: 'shop', sources, sinks }] };
}

test.each(['SIGTERM', 'SIGINT'] as const)('%s stops it gracefully, exit code 0', async (signal) => {
  const { running, terminal, exit, ready } = start();
  await ready();
  terminal.signal(signal);
  expect(await exit).toBe(0);
  expect(running.stops).toBe(1);
  expect(terminal.out).toContain(`stopping: ${signal}`);
  expect(terminal.out).toMatch(/stopped\n$/);
  expect(terminal.err).toBe('');
  expect(terminal.listens).toBe(false);
});

test.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)('a second %s forces: exit code %i; one that comes twice at once does not', async (signal, code) => {
  const clock = vi.spyOn(performance, 'now');
  try {
    const { running, terminal, exit, ready } = start();
    await ready();
    let finish = () => {};
    running.stopping = () => new Promise((resolve) => (finish = resolve));
    clock.mockReturnValue(1_000);
    terminal.signal(signal);
    clock.mockReturnValue(1_100);
    terminal.signal(signal);
    expect(terminal.forced).toBeNull();
    clock.mockReturnValue(1_600);
    terminal.signal(signal);
    expect(terminal.forced).toBe(code);
    clock.mockRestore();
    await vi.waitFor(() => expect(running.stops).toBe(1), CONDITION);
    finish();
    await exit;
  } finally {
    clock.mockRestore();
  }
});

test('a signal while it starts stops it as soon as it has started', async () => {
  const running = new FakeRunning();
  let started = () => {};
  const wait = new Promise<void>((resolve) => (started = resolve));
  const { terminal, exit } = start({ app: { start: (_, __, log) => wait.then(() => running.loggingTo(log)) } });
  await vi.waitFor(() => expect(terminal.listens).toBe(true), CONDITION);
  terminal.signal('SIGTERM');
  started();
  expect(await exit).toBe(0);
  expect(running.stops).toBe(1);
});

test('what does not stop within five seconds is left, exit code 1', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const { running, terminal, exit, ready } = start();
    running.stopping = () => new Promise(() => {});
    vi.useRealTimers();
    await ready();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    terminal.signal('SIGTERM');
    await vi.advanceTimersByTimeAsync(4_900);
    expect(terminal.out).not.toContain('did not stop');
    await vi.advanceTimersByTimeAsync(200);
    expect(await exit).toBe(1);
    expect(terminal.out).toContain('did not stop within 5 s -> nothing is lost');
  } finally {
    vi.useRealTimers();
  }
});

test.each([
  [new TailraceError('source.auth', 'wrong password', { remedy: 'set url' }), 3],
  [new TailraceError('source.gap', 'lost'), 4],
  [new TailraceError('log.failed', 'fsync'), 1],
  [new TailraceError('sink.fenced', 'other'), 3],
] as const)('an instance that ends by itself with %s: exit code', async (error, code) => {
  const { running, terminal, exit, ready } = start();
  await ready();
  running.end(error);
  expect(await exit).toBe(code);
  expect(terminal.err).toContain(`error  ${error.code}  ${error.message}`);
  if (error.remedy !== undefined) expect(terminal.err).toContain(`→ ${error.remedy}`);
});

test('an instance that ends by itself without an error: exit code 0', async () => {
  const { running, exit, ready } = start();
  await ready();
  running.end(null);
  expect(await exit).toBe(0);
});

test('an instance that cannot start: the error, its remedy and exit code', async () => {
  const error = new TailraceError('log.locked', 'in use by pid 7', { remedy: 'stop it' });
  const { terminal, exit } = start({ app: { start: () => Promise.reject(error) } });
  expect(await exit).toBe(3);
  expect(terminal.err).toBe('error  log.locked  in use by pid 7\n  → stop it\n');
});

test('wrong files start nothing', async () => {
  const app = { start: () => Promise.reject(new Error('not to be called')) };
  const { terminal, exit } = start({ files: { 'shop.yaml': SHOP.replace('sqlite', 'sqlit') }, app });
  expect(await exit).toBe(2);
  expect(terminal.err).toContain('shop.yaml:6:15  error  unknown-type');
  expect(terminal.err).toContain('1 error in 1 of 1 file\n');
  expect(terminal.out).toBe('');
});

test('a reader of its output that goes away stops it', async () => {
  const { terminal, exit, ready, running } = start();
  await ready();
  terminal.closeOutput();
  expect(await exit).toBe(0);
  expect(running.stops).toBe(1);
});

test('every state that a source or sink comes into is one line', async () => {
  const { running, terminal, exit, ready } = start();
  running.current = statusWith('starting', 'starting');
  await ready();
  for (const [source, sink, rows, line] of [
    ['snapshot', 'starting', 0, 'source shop  reads the rows that are there  (state=snapshot)'],
    ['snapshot', 'running', 0, 'sink shop/sink  delivers  (state=running)'],
    ['streaming', 'running', 1_204, 'source shop  follows the changes after 1,204 rows  (state=streaming)'],
  ] as const) {
    running.current = statusWith(source, sink, rows);
    await vi.waitFor(() => expect(terminal.out).toContain(line), CONDITION);
  }
  // What the runtime itself has told.
  for (const sink of ['retrying', 'running'] as const) {
    running.current = statusWith('streaming', sink);
    const before = running.looks;
    await vi.waitFor(() => expect(running.looks).toBeGreaterThan(before), CONDITION);
  }
  terminal.signal('SIGTERM');
  await exit;
  expect(terminal.out.match(/delivers/g)).toHaveLength(1);
  expect(terminal.out.trim().split('\n')).toHaveLength(6);
});

test('log lines: for files, for a terminal, as JSON', async () => {
  const remedy = 'start it\u001b[31m';
  const line = [
    'warn',
    'cannot reach\nit',
    { sink: 'shop/sink', state: 'retrying', code: 'sink.unreachable', remedy },
  ] as const;
  const plain = start();
  await plain.ready();
  plain.log(...line);
  expect(plain.terminal.out.split('\n').at(-2)).toMatch(
    /^\d{4}-\d\d-\d\dT[\d:.]+Z {2}warn {3}sink shop\/sink {2}cannot reach\\nit {2}\(state=retrying code=sink\.unreachable\) -> start it\\x1b\[31m$/,
  );
  const tty = start({ isTty: true });
  await tty.ready();
  tty.log(...line);
  expect(tty.terminal.out).toContain('\u001b[33mwarn \u001b[0m  \u001b[1msink shop/sink\u001b[0m  cannot reach\\nit');
  expect(tty.terminal.out).toContain('\n          → start it\\x1b[31m\n');
  const json = start({ words: ['--json'] });
  await json.ready();
  json.log(...line);
  const last = JSON.parse(json.terminal.out.trim().split('\n').at(-1)!);
  expect(last).toEqual({ time: expect.stringMatching(/Z$/), level: line[0], message: line[1], ...line[2] });
  for (const { terminal, exit } of [plain, tty, json]) {
    terminal.signal('SIGTERM');
    await exit;
  }
});

test('lines of level debug are shown with --verbose only', async () => {
  for (const words of [[], ['--verbose'], ['-v', '--json']]) {
    const { terminal, exit, ready, log } = start({ words });
    await ready();
    log('debug', 'detail');
    terminal.signal('SIGTERM');
    await exit;
    expect(terminal.out.includes('detail')).toBe(words.length > 0);
  }
});

test('with --json problems and errors are lines of the log as well', async () => {
  const wrong = start({ words: ['--json'], files: { 'shop.yaml': SHOP.replace('sqlite', 'sqlit') } });
  expect(await wrong.exit).toBe(2);
  expect(wrong.terminal.err).toBe('');
  expect(JSON.parse(wrong.terminal.out)).toMatchObject({
    level: 'error',
    code: 'unknown-type',
    file: 'shop.yaml',
    line: 6,
  });
  const failing = start({
    words: ['--json'],
    app: { start: () => Promise.reject(new TailraceError('log.locked', 'l')) },
  });
  expect(await failing.exit).toBe(3);
  expect(JSON.parse(failing.terminal.out)).toMatchObject({ level: 'error', code: 'log.locked', message: 'l' });
});

test('invariant 12: neither secrets nor the text of unknown errors reach the log', async () => {
  for (const [words, isTty] of [
    [[], false],
    [[], true],
    [['--json'], false],
  ] as const) {
    const { terminal, exit, ready, log, running } = start({ words: [...words], isTty });
    await ready();
    const stack = 'RangeError: row value\nof two lines\n    at place (file.ts:1:1)';
    log('error', 'auth hunter2hunter2', {
      source: 'hunter2hunter2',
      remedy: 'hunter2hunter2',
      url: 'x:hunter2hunter2@h',
      stack,
    });
    running.end(new RangeError('row value'));
    expect(await exit).toBe(1);
    const all = terminal.out + terminal.err;
    expect(all).not.toContain('hunter2hunter2');
    expect(all).not.toContain('row value');
    expect(all).toContain('at place (file.ts:1:1)');
  }
});
