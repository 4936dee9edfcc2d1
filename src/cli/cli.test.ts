import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { cli, fakeApp, fakeSubjects, projectDir, STOPPED, storedTopics } from '../../test/support/cli.ts';
import { startApi } from '../api/server.ts';
import { newApiAddress, writeApiAddress } from '../config/api-address.ts';
import type { CheckResult } from '../contracts/app.ts';
import type { InstanceStatus } from '../contracts/control.ts';
import { TailraceError } from '../contracts/errors.ts';
import { commands, singleCommands } from './commands.ts';

const SHOP = `name: shop
source:
  type: postgres
  url: postgres://shop:hunter2hunter2@h/d
  tables: [public.products]
sink: { type: sqlite, path: out.db }
`;
const INDENTED = /^ {2}\S/m;

describe('words', () => {
  test('no words, --help and help show every command and exit code', async () => {
    for (const args of [[], ['--help'], ['-h'], ['help']]) {
      const { code, out, err } = await cli(args);
      expect([code, err]).toEqual([0, '']);
      for (const { name } of commands) expect(out).toMatch(new RegExp(`^  ${name} `, 'm'));
      for (const exit of ['0', '1', '2', '3', '4', '130, 143']) expect(out).toMatch(new RegExp(`^  ${exit} `, 'm'));
    }
  });

  test('help of commands with two words', async () => {
    for (const args of [
      ['topics', '--help'],
      ['help', 'topics'],
    ]) {
      const { code, out } = await cli(args);
      expect(code).toBe(0);
      for (const verb of ['ls', 'describe', 'read', 'write', 'create', 'delete', 'compact']) {
        expect(out).toMatch(new RegExp(`^  topics ${verb} `, 'm'));
      }
    }
    expect((await cli(['help', 'groups', 'seek'])).out).toContain('--to-group GROUP');
  });

  test.each(singleCommands.filter(({ kind }) => kind !== 'forwarding'))(
    '$name --help shows its options',
    async ({ name, options }) => {
      for (const args of [
        [...name.split(' '), '--help'],
        [...name.split(' '), '-h'],
        ['help', ...name.split(' ')],
      ]) {
        const { code, out } = await cli(args);
        expect(code).toBe(0);
        expect(out).toContain(`Usage: tailrace ${name}`);
        expect(out).toMatch(INDENTED);
        for (const option of [...Object.keys(options), 'json', 'help']) expect(out).toContain(`--${option}`);
      }
    },
  );

  test('--version', async () => {
    expect(await cli(['--version'])).toEqual({ code: 0, out: 'tailrace 1.2.3\n', err: '' });
  });

  test.each([
    [['rn'], 'there is no command "rn"', 'did you mean "run"?'],
    [['statsu'], 'there is no command "statsu"', 'did you mean "status"?'],
    [['frobnicate'], 'there is no command "frobnicate"', 'tailrace --help'],
    [['help', 'chekc'], 'there is no command "chekc"', 'did you mean "check"?'],
    [['--jsn'], '"--jsn" goes after a command', 'tailrace --help'],
    [['--hlep'], '"--hlep" goes after a command', 'did you mean "--help"?'],
    [['lint', '--jsno'], 'tailrace lint has no option "--jsno"', 'did you mean "--json"?'],
    [['lint', '-x'], 'tailrace lint has no option "-x"', 'tailrace lint --help'],
    [['status', '--datadir', 'x'], 'tailrace status has no option "--datadir"', 'did you mean "--data-dir"?'],
    [['status', '--data-dir'], '--data-dir needs a value', 'tailrace status --help'],
    [['lint', '--json=yes'], '--json takes no value', 'tailrace lint --help'],
    [['topics', 'ls', 'b'], '"b" is one word too many', 'tailrace topics ls --help'],
    [['topics', 'raed'], 'tailrace topics has no command "raed"', 'did you mean "read"?'],
    [['groups', 'x'], 'tailrace groups has no command "x"', 'it has: ls, describe, seek'],
    [['topics', 'read'], 'tailrace topics read needs the name of a topic', 'tailrace topics ls'],
    [['topics', 'read', 't', '--from', 'noon'], '--from: "noon" is neither an offset nor a time', '15m (ago)'],
    [['topics', 'read', 't', '--last', '0'], '--last: "0" is not a whole number from 1 on', '--last 10'],
    [['topics', 'read', 't', '--partition', 'a'], '--partition: "a" is not a list of partitions', '--partition 0,2'],
    [['topics', 'read', 't', '-f', '%x'], '--format: "%x" stands for nothing', '%k %v'],
    [['topics', 'create', 't', 'compact'], '"compact" is not a setting', 'cleanup.policy=compact'],
    [['groups', 'seek', 'g'], 'one place to go to is needed, not nowhere to', '--to-earliest'],
    [
      ['groups', 'seek', 'g', '--to-latest', '--to-offset', '1'],
      'one place to go to is needed, not --to-latest and --to-offset',
      'add one of',
    ],
    [['\u001b[31m'], 'there is no command "\\x1b[31m"', 'tailrace --help'],
    [['lint', '--__proto__'], 'tailrace lint has no option "--__proto__"', 'tailrace lint --help'],
  ])('%j is answered with what is meant', async (args, message, remedy) => {
    const { code, out, err } = await cli(args);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(`error  cli.usage  ${message}`);
    expect(err).toContain(remedy);
  });

  test.each([
    [['rn'], 'rn', 2],
    [['lint', '--jsno'], 'lint', 2],
    [['topics', 'raed'], 'topics', 2],
    [['snapshot', 'shop', 'pause', '--now'], 'snapshot pause', 2],
    [['tap', 'shop'], 'tap', 3],
    [['logs'], 'logs', 3],
    [['status'], 'status', 2],
  ])('%j with --json is answered in the one envelope, whatever goes wrong', async (args, command, exitCode) => {
    const { code, out, err } = await cli([...args, '--json'], { dir: projectDir({ 'tailrace.yaml': '' }) });
    expect([code, err]).toEqual([exitCode, '']);
    const words = { code: expect.any(String), message: expect.any(String), remedy: expect.any(String) };
    expect(JSON.parse(out)).toEqual({ command, ok: false, summary: expect.any(String), result: null, error: words });
  });

  test('demo gets its words as they are', async () => {
    const app = fakeApp({ demo: async (words) => (words.join(' ') === '--verify --seed 3 --help' ? 7 : 0) });
    expect((await cli(['demo', '--verify', '--seed', '3', '--help'], { app })).code).toBe(7);
  });
});

describe('lint', () => {
  test('a right project', async () => {
    const dir = projectDir({ 'shop.yaml': SHOP });
    expect(await cli(['lint'], { dir })).toEqual({ code: 0, out: 'no problems in 1 file\n', err: '' });
    const { out } = await cli(['lint', '--json', 'shop.yaml'], { dir });
    expect(JSON.parse(out)).toEqual({
      command: 'lint',
      ok: true,
      summary: 'no problems in 1 file',
      result: { files: ['shop.yaml'], problems: [] },
      error: null,
    });
  });

  test('a wrong one: every problem, exit code 2', async () => {
    const dir = projectDir({ 'shop.yaml': SHOP.replace('tables', 'tabels').replace('path', 'pth') });
    const { code, out } = await cli(['lint'], { dir });
    expect(code).toBe(2);
    expect(out).toBe(`shop.yaml:5:3  error  unknown-key  "tabels" is not a key of a postgres source
   4 |   url: postgres://shop:***@h/d
 > 5 |   tabels: [public.products]
     |   ^^^^^^ did you mean "tables"?
shop.yaml:6:23  error  unknown-key  "pth" is not a key of a sqlite sink
   5 |   tabels: [public.products]
 > 6 | sink: { type: sqlite, pth: out.db }
     |                       ^^^ did you mean "path"?
2 errors in 1 of 1 file
`);
    const json = JSON.parse((await cli(['lint', '--json'], { dir })).out);
    expect(json).toMatchObject({ ok: false, summary: '2 errors in 1 of 1 file', error: null });
    expect(json.result.problems[0]).toEqual({
      level: 'error',
      code: 'unknown-key',
      message: '"tabels" is not a key of a postgres source',
      fix: 'did you mean "tables"?',
      file: 'shop.yaml',
      line: 5,
      column: 3,
    });
  });

  test('warnings alone are no failure', async () => {
    const dir = projectDir({
      'a.yaml': SHOP,
      'b.yaml': SHOP.replace('name: shop', 'name: b').replace('out.db', 'b.db'),
    });
    const { code, out } = await cli(['lint'], { dir });
    expect(code).toBe(0);
    expect(out).toContain('warning  captured-twice');
  });

  test('what is not there', async () => {
    const dir = projectDir({ 'shop.yaml': SHOP });
    const { code, err } = await cli(['lint', 'shp.yaml'], { dir });
    expect(code).toBe(2);
    expect(err).toBe('error  config.not_found  no such file or directory: shp.yaml\n  → did you mean "shop.yaml"?\n');
    const json = await cli(['lint', 'shp.yaml', '--json'], { dir });
    expect([json.code, json.err]).toEqual([2, '']);
    expect(JSON.parse(json.out)).toMatchObject({ ok: false, result: null, error: { code: 'config.not_found' } });
  });

  test('colours on a terminal only, and not with NO_COLOR', async () => {
    const dir = projectDir({ 'shop.yaml': 'x: 1\n' });
    expect((await cli(['lint'], { dir, isTty: true })).out).toContain('\u001b[31merror\u001b[0m');
    expect((await cli(['lint'], { dir, isTty: true, env: { NO_COLOR: '1' } })).out).not.toContain('\u001b');
    expect((await cli(['lint'], { dir })).out).not.toContain('\u001b');
  });
});

describe('check', () => {
  const part = (findings: CheckResult['findings'], more: Partial<CheckResult> = {}): CheckResult => ({
    pipeline: 'shop',
    part: 'source shop (postgres)',
    path: ['source'],
    findings,
    problems: [],
    ...more,
  });
  const checkWith = async (results: readonly CheckResult[], words: string[] = []) => {
    const dir = projectDir({ 'shop.yaml': SHOP });
    return cli(['check', ...words], { dir, app: fakeApp({ check: async () => results }) });
  };
  const ok = { level: 'ok', message: 'PostgreSQL 18.1 at h:5432' } as const;
  const missing = {
    level: 'problem',
    message: 'no primary key',
    remedy: 'alter table …',
    path: ['tables', 0],
  } as const;

  test('findings with their places and remedies', async () => {
    const warning = { level: 'warning', message: 'disk is small', remedy: 'history: delete' } as const;
    const sink = part([ok], { part: 'sink sink (sqlite)', path: ['sink'] });
    const { code, out } = await checkWith([part([ok, missing, warning]), sink]);
    expect(code).toBe(4);
    expect(out).toBe(`shop
  source shop (postgres)
    ✓ PostgreSQL 18.1 at h:5432
    ✗ no primary key   shop.yaml:5:12
        → alter table …
    ! disk is small   shop.yaml:2:1
        → history: delete
  sink sink (sqlite)
    ✓ PostgreSQL 18.1 at h:5432
1 problem, 1 warning
`);
    const json = JSON.parse((await checkWith([part([ok, missing])], ['--json'])).out);
    expect(json).toMatchObject({ ok: false, summary: '1 problem, 0 warnings' });
    expect(json.result.parts[0].findings[1]).toEqual({
      level: 'problem',
      message: 'no primary key',
      remedy: 'alter table …',
      place: 'shop.yaml:5:12',
    });
  });

  test.each([
    ['nothing', [part([ok])], 0],
    ['a warning', [part([{ level: 'warning', message: 'w' }])], 0],
    ['a problem', [part([missing])], 4],
    ['a server that cannot be reached', [part([{ ...missing, code: 'source.unreachable' }]), part([missing])], 3],
    ['a wrong password', [part([{ ...missing, code: 'sink.auth' }])], 3],
    ['a source that is not ready', [part([{ ...missing, code: 'source.not_ready' }])], 4],
    [
      'a misspelt column',
      [
        part([{ ...missing, code: 'source.unreachable' }], {
          problems: [{ level: 'error', code: 'unknown-column', message: 'c', path: ['sink', 'path'] }],
        }),
      ],
      2,
    ],
  ] as const)('%s: its exit code', async (_, results, expected) => {
    expect((await checkWith(results)).code).toBe(expected);
  });

  test('problems of rules are shown where they stand in the file', async () => {
    const problem = {
      level: 'error',
      code: 'unknown-column',
      message: 'no column',
      offset: 4,
      length: 2,
      fix: 'id?',
    } as const;
    const { out } = await checkWith([part([ok], { problems: [{ ...problem, path: ['sink', 'path'] }] })]);
    expect(out).toContain(`shop.yaml:6:33  error  unknown-column  no column
   5 |   tables: [public.products]
 > 6 | sink: { type: sqlite, path: out.db }
     |                                 ^^ id?
`);
  });

  test('wrong files are not checked further; thrown errors keep their class', async () => {
    const dir = projectDir({ 'shop.yaml': SHOP.replace('type: sqlite', 'type: sqlit') });
    expect((await cli(['check'], { dir })).code).toBe(2);
    const app = fakeApp({ check: () => Promise.reject(new TailraceError('source.auth', 'no')) });
    expect(await cli(['check'], { dir: projectDir({ 'shop.yaml': SHOP }), app })).toMatchObject({ code: 3 });
  });

  test('invariant 12: findings are shown without the secrets of the configuration', async () => {
    const { out } = await checkWith([part([{ ...missing, message: 'hunter2hunter2', remedy: 'not hunter2hunter2' }])]);
    expect(out).toContain('✗ ***');
    expect(out).not.toContain('hunter2hunter2');
    const app = fakeApp({
      check: async (_, __, log) => {
        log('warn', 'slow: hunter2hunter2', { url: 'postgres://shop:hunter2hunter2@h' });
        return [];
      },
    });
    const { err } = await cli(['check'], { dir: projectDir({ 'shop.yaml': SHOP }), app });
    expect(err).toContain('slow: ***');
    expect(err).not.toContain('hunter2hunter2');
  });
});

/** Shown as hours, so that a slow test shows the same. */
const since = Date.now() - 3 * 3_600_000 - 60_000;
const LIVE: InstanceStatus = {
  instance: 'main',
  running: true,
  pid: 77,
  startedMs: since,
  pipelines: [
    {
      name: 'shop',
      sources: [
        {
          name: 'shop',
          type: 'postgres',
          state: 'gap',
          problem: { code: 'source.gap', message: 'the slot is gone', remedy: 'on_gap: resnapshot', since },
          rows: 1_204,
          transactions: 1,
          position: null,
          lastCommitMs: since,
        },
      ],
      sinks: [
        {
          name: 'search',
          type: 'elasticsearch',
          state: 'running',
          problem: null,
          records: 1_200,
          deadLetters: 1,
          lagRecords: 4,
          lagMs: 400,
        },
        {
          name: 'out',
          type: 'sqlite',
          state: 'running',
          problem: null,
          records: 1,
          deadLetters: 0,
          lagRecords: 0,
          lagMs: 0,
        },
      ],
    },
  ],
};

const TOPICS = [
  {
    name: 'shop.public.products',
    cleanup: 'compact',
    partitions: [{ partition: 0, startOffset: '10', endOffset: '9007199254740993', sizeBytes: 1_572_864 }],
  },
  { name: 'a', cleanup: 'delete', partitions: [{ partition: 0, startOffset: '0', endOffset: '0', sizeBytes: 0 }] },
] as const;

describe('status and topics', () => {
  /** A project with a data directory, and an instance that answers over its API. */
  async function live(status = LIVE) {
    const dir = projectDir({ 'tailrace.yaml': 'mask_key: ${NOT_SET}\n', 'shop.yaml': SHOP, 'data/x': '' });
    const control = { status: () => status, topics: () => TOPICS };
    const subjects = fakeSubjects({ control });
    const api = await startApi(subjects, { host: '127.0.0.1', port: 0, dataDir: join(dir, 'data'), log: () => {} });
    onTestFinished(() => api.close());
    return { dir, api };
  }

  test('of a running instance come from its API', async () => {
    const { dir } = await live();
    const { code, out } = await cli(['status'], { dir });
    expect(code).toBe(4);
    expect(out).toBe(`main  running for 3 h (pid 77)
shop
  source  shop    postgres       gap      1,204 rows     1 transaction    last commit 3 h ago
    ✗ source.gap  the slot is gone
      → on_gap: resnapshot
  sink    search  elasticsearch  running  1,200 records  4 behind, 0.4 s  1 dead letter
  sink    out     sqlite         running  1 record       no lag
`);
    const json = JSON.parse((await cli(['status', '--json'], { dir })).out);
    expect(json).toMatchObject({ command: 'status', ok: false, error: null, result: LIVE });
    expect((await cli(['topics'], { dir })).out).toBe(
      `topic                 cleanup  records                offsets               size
a                     delete   0                      0..0                  0 B
shop.public.products  compact  9,007,199,254,740,983  10..9007199254740993  1.5 MB
`,
    );
    expect(JSON.parse((await cli(['topics', 'ls', '--json', '-C', '.'], { dir })).out).result).toEqual(TOPICS);
  });

  test('of a stopped one are read from the data directory', async () => {
    const dir = projectDir({ 'tailrace.yaml': 'data_dir: ./state\n', 'state/x': '' });
    const app = fakeApp({
      offline: {
        status: async ({ dataDir }) => ({ ...STOPPED, instance: dataDir === join(dir, 'state') ? 'right' : 'wrong' }),
        open: storedTopics([]),
      },
    });
    expect(await cli(['status'], { dir, app })).toEqual({ code: 0, out: 'right  stopped\n', err: '' });
    expect(await cli(['status', dir, '--data-dir', './state'], { dir, app })).toMatchObject({
      out: 'right  stopped\n',
    });
    expect((await cli(['topics'], { dir, app })).out).toBe('no topics\n');
  });

  test('an address left behind by a killed instance is not believed', async () => {
    const { dir, api } = await live();
    const app = fakeApp({ offline: { status: async () => STOPPED, open: storedTopics([]) } });
    const { port } = new URL(api.url);
    await api.close();
    // Nobody listens.
    writeApiAddress(join(dir, 'data'), newApiAddress(`http://127.0.0.1:${port}`));
    expect((await cli(['status'], { dir, app })).out).toBe('main  stopped\n');
    // Somebody else does.
    const other = createServer((_, response) => response.end('{"instance":"other"}'));
    await new Promise<void>((resolve) => other.listen(Number(port), '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    expect((await cli(['status'], { dir, app })).out).toBe('main  stopped\n');
  });

  test('without API, without data directory, with a wrong file: say what to do', async () => {
    const locked = fakeApp({
      offline: {
        status: () => Promise.reject(new TailraceError('log.locked', 'locked')),
        open: () => Promise.reject(new TailraceError('log.locked', 'locked')),
      },
    });
    const running = await cli(['status'], { dir: projectDir({ 'data/x': '' }), app: locked });
    expect(running).toMatchObject({ code: 3, err: expect.stringContaining('has no HTTP API') });
    const nothing = await cli(['topics'], { dir: projectDir({}) });
    expect(nothing).toMatchObject({ code: 2, err: expect.stringContaining('there is no data directory') });
    const unset = await cli(['status'], { dir: projectDir({ 'tailrace.yaml': 'data_dir: ${DATA}\n' }) });
    expect(unset).toMatchObject({ code: 2, err: expect.stringContaining('tailrace.yaml:1:11') });
  });
});

test('an error nobody foresaw shows where it came from, not what it says', async () => {
  const app = fakeApp({ check: () => Promise.reject(new RangeError('row value')) });
  const { code, err, out } = await cli(['check'], { dir: projectDir({ 'shop.yaml': SHOP }), app });
  expect(code).toBe(1);
  expect(out).toBe('');
  expect(err).toContain('internal.bug  unexpected RangeError');
  expect(err).toMatch(/^ +at .*cli\.test\.ts/m);
  expect(err).not.toContain('row value');
});
