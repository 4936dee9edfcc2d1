import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { testRegistry } from '../../test/support/config-registry.ts';
import fc from '../../test/support/fast-check.ts';
import type { SinkManifest } from '../contracts/plugin.ts';
import type { Registry } from '../contracts/registry.ts';
import { loadInstance, loadProject, problemText } from './index.ts';

/** A directory with files, removed when the test ends. */
function project(files: Readonly<Record<string, string | Uint8Array>>): string {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-config-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(dir, name, '..'), { recursive: true });
    writeFileSync(join(dir, name), content);
  }
  return dir;
}

function load(dir: string, options: { paths?: string[]; env?: Record<string, string>; registry?: Registry } = {}) {
  const { paths = [], env = {}, registry = testRegistry } = options;
  return loadProject({ paths, cwd: dir, env, registry });
}

const SHOP = `
source:
  type: postgres
  url: postgres://h/d
  tables: [public.products, public.orders]
sink: { type: sqlite, path: out/shop.db, from: products }
`;

describe('a project', () => {
  test('becomes plans with defaults applied', async () => {
    const dir = project({ 'shop.yaml': SHOP });
    const { problems, pipelines, instance, files } = await load(dir);
    expect(problems).toEqual([]);
    expect(files).toEqual(['shop.yaml']);
    expect(instance).toEqual({
      instance: 'main',
      dataDir: join(dir, 'data'),
      http: { host: '127.0.0.1', port: 7600 },
      kafka: null,
      memoryBytes: 256 * 2 ** 20,
      holdLimit: { ms: 7 * 86_400_000, bytes: null },
      maskKey: null,
    });
    expect(pipelines).toMatchObject([
      {
        name: 'shop',
        file: join(dir, 'shop.yaml'),
        transform: [],
        sources: [
          {
            name: 'shop',
            config: { url: 'postgres://h/d' },
            tables: ['public.products', 'public.orders'],
            snapshot: 'initial',
            onGap: 'stop',
            transform: [],
            path: ['source'],
          },
        ],
        sinks: [
          {
            name: 'sink',
            config: { path: join(dir, 'out/shop.db') },
            from: ['products'],
            batch: { maxRecords: 10_000, maxBytes: 8 * 2 ** 20 },
            maxDeadLettersPerMinute: 100,
            path: ['sink'],
          },
        ],
      },
    ]);
  });

  test('keeps the settings of tailrace.yaml, wherever it is started', async () => {
    const settings =
      'instance: two\ndata_dir: ./state\nhttp: false\nmemory: 64MB\nhold_limit: { time: 36h, size: 1GB }\nmask_key: ${KEY}\n';
    const dir = project({ 'pipelines/shop.yaml': SHOP, 'tailrace.yaml': settings, 'elsewhere/x': '' });
    const expected = {
      instance: 'two',
      dataDir: join(dir, 'state'),
      http: null,
      kafka: null,
      memoryBytes: 2 ** 26,
      holdLimit: { ms: 36 * 3_600_000, bytes: 2 ** 30 },
      maskKey: 'k',
    };
    for (const [cwd, paths] of [
      ['.', []],
      ['.', ['pipelines/shop.yaml']],
      ['pipelines', []],
      ['elsewhere', ['..']],
      ['elsewhere', ['../tailrace.yaml', '../pipelines']],
    ] as const) {
      const env = { KEY: 'k' };
      const found = await loadProject({ paths, cwd: join(dir, cwd), env, registry: testRegistry });
      expect(found.problems).toEqual([]);
      expect(found.instance).toEqual(expected);
    }
    expect(await loadInstance(undefined, join(dir, 'pipelines'), {})).toMatchObject({
      instance: { dataDir: join(dir, 'state') },
      problems: [],
    });
  });

  test('without a pipeline is enough when Kafka clients are to be served', async () => {
    const dir = project({
      'tailrace.yaml': `kafka:
  listen: "[::1]:9092"
  users: { ann: { password: "\${P}", quota: { produce: 1MB } }, ops: { password: 12345678, super: true } }
  quotas: { produce: 10MB, fetch: 20MB }
  acls:
    - { user: ann, topic: shop.*, allow: [read, describe], host: "::1" }
    - { user: "*", group: "*", deny: delete }
`,
    });
    const { problems, instance, pipelines, redact } = await load(dir, { env: { P: 'from the environment' } });
    expect([problems, pipelines]).toEqual([[], []]);
    const operations = ['read', 'describe'];
    expect(instance.kafka).toEqual({
      host: '::1',
      port: 9092,
      advertise: null,
      tls: null,
      users: [
        { name: 'ann', password: 'from the environment' },
        { name: 'ops', password: '12345678' },
      ],
      superUsers: ['ops'],
      quotas: {
        byDefault: { produce: 10 << 20, fetch: 20 << 20 },
        users: new Map([['ann', { produce: 1 << 20, fetch: 20 << 20 }]]),
      },
      acls: [
        { user: 'ann', resource: 'topic', name: 'shop.', isPrefix: true, permission: 'allow', operations, host: '::1' },
        {
          user: '*',
          resource: 'group',
          name: '',
          isPrefix: true,
          permission: 'deny',
          operations: ['delete'],
          host: '*',
        },
      ],
    });
    expect(redact('no: from the environment, 12345678')).toBe('no: ***, ***');
    await expect(load(project({ 'tailrace.yaml': 'data_dir: ./d\n' }))).rejects.toMatchObject({
      code: 'config.not_found',
      remedy: expect.stringContaining('kafka.listen'),
    });
    // Not the settings of a directory that nobody named.
    const other = project({ 'tailrace.yaml': 'kafka: { listen: "127.0.0.1:1" }\n', 'empty/README.md': '' });
    await expect(load(other, { paths: ['empty'] })).rejects.toMatchObject({ code: 'config.not_found' });
  });

  test('of directories takes the YAML files that can be pipelines, each once', async () => {
    const other = SHOP.replace('h/d', 'i/d').replace('shop.db', 'b.db');
    const dir = project({
      'a.yaml': SHOP,
      'b.yml': other,
      'tailrace.yaml': '',
      'docker-compose.yml': 'services: {}',
      '.hidden.yaml': 'x',
      'notes.txt': 'x',
      'sub/c.yaml': 'x',
    });
    const { files, problems } = await load(dir, { paths: ['.', 'a.yaml', './b.yml'] });
    expect(files).toEqual(['tailrace.yaml', 'a.yaml', 'b.yml']);
    expect(problems).toEqual([]);
  });

  test.each([
    ['a file that is not there', ['shp.yaml'], /no such file or directory: shp.yaml/, /"shop.yaml"/],
    ['a directory without pipelines', ['empty'], /no pipeline file/, /README/],
    ['a device', ['/dev/null'], /neither a file nor a directory/, undefined],
    ['two instances', ['shop.yaml', 'other/b.yaml'], /two instances/, /by itself/],
  ])('%s is an error that says what to do', async (_, paths, message, remedy) => {
    const dir = project({
      'shop.yaml': SHOP,
      'tailrace.yaml': '',
      'empty/x': '',
      'other/b.yaml': SHOP,
      'other/tailrace.yaml': '',
    });
    const error = await load(dir, { paths: [...paths] }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ message: expect.stringMatching(message) });
    if (remedy !== undefined) expect(error).toMatchObject({ remedy: expect.stringMatching(remedy) });
  });

  test('of bytes that are not text, or too many, says so', async () => {
    const dir = project({ 'a.yaml': new Uint8Array([0x61, 0xff, 0xfe]), 'b.yaml': ' '.repeat(200_000) });
    const { problems } = await load(dir);
    expect(problems.map(({ file, code }) => [file, code])).toEqual([
      ['a.yaml', 'file-encoding'],
      ['b.yaml', 'file-size'],
    ]);
  });

  test('shows line breaks and control characters of a file name', async () => {
    const dir = project({ 'a\n\u001b[31mb.yaml': 'x' });
    const { problems } = await load(dir);
    expect(problems[0]?.file).toBe('a\\n\\x1b[31mb.yaml');
  });
});

test('targets that a connector names are held against each other', async () => {
  const index: SinkManifest = {
    ...testRegistry.sink('elasticsearch')!,
    targets: (config, tables) => tables.map((table) => (config as { index: string }).index.replace('{table}', table)),
  };
  const registry = {
    ...testRegistry,
    sink: (type: string) => (type === 'elasticsearch' ? index : testRegistry.sink(type)),
  };
  const sinks = (a: string, b: string) => `
source: { type: postgres, url: "postgres://h/d", tables: [public.a, public.b] }
sinks:
  one: { type: elasticsearch, url: http://h, index: "${a}" }
  two: { type: elasticsearch, url: http://h2, index: "${b}", from: a }
`;
  const problems = async (a: string, b: string) =>
    (await load(project({ 'p.yaml': sinks(a, b) }), { registry })).problems.map(({ message }) => message);
  expect(await problems('x-{table}', 'y-{table}')).toEqual([]);
  expect(await problems('{table}', '{table}')).toEqual([expect.stringContaining('the sink "one" in p.yaml:4 already')]);
  expect(await problems('x', 'y')).toEqual(['"public.a" and "public.b" would be written to the same place']);
});

test('a transactional sink needs a target that shows writes together, and leaves nothing aside', async () => {
  const problems = async (more: string) => {
    const dir = project({ 'p.yaml': SHOP.replace(/sink: .*/, `sink: { ${more}, consistency: transactional }`) });
    return (await load(dir, { registry: atomic })).problems.map(({ message }) => message);
  };
  const { sink } = testRegistry;
  const asked = (type: string) => {
    const manifest = sink(type);
    return manifest && { ...manifest, isAtomic: type === 'sqlite' };
  };
  const atomic: Registry = { ...testRegistry, sink: asked };
  expect(await problems('type: sqlite, path: x.db')).toEqual([]);
  expect(await problems('type: file, path: x')).toEqual([
    'a file sink cannot be transactional: its target shows each write by itself',
  ]);
  expect(await problems('type: sqlite, path: x.db, dead_letters: skip')).toEqual([
    'a transactional sink cannot leave records aside: dead_letters: skip',
  ]);
});

test('a pipeline says that it has no sink', async () => {
  const source = 'source: { type: postgres, tables: [public.a], url: "postgres://h/d" }\n';
  const { problems, pipelines } = await load(project({ 'p.yaml': `${source}sinks: {}` }));
  expect([problems, pipelines[0]?.sinks]).toEqual([[], []]);
  const without = await load(project({ 'p.yaml': source }));
  expect(without.problems.map(({ code }) => code)).toEqual(['missing-key']);
});

test('a sink is compared in the background where its target can be read', async () => {
  const inspect = () => Promise.reject(new Error('not opened in these tests'));
  const asked = (type: string) => {
    const manifest = testRegistry.sink(type);
    return manifest && (type === 'sqlite' ? { ...manifest, inspect } : manifest);
  };
  const loaded = (more: string) =>
    load(project({ 'p.yaml': SHOP.replace(/sink: .*/, `sink: { ${more} }`) }), {
      registry: { ...testRegistry, sink: asked },
    });
  const { pipelines } = await loaded('type: sqlite, path: x.db, verify: { every: 6h }');
  expect(pipelines[0]!.sinks[0]!.verify).toEqual({ everyMs: 6 * 3_600_000, rate: 500 });
  const messages = async (more: string) => (await loaded(more)).problems.map(({ message }) => message);
  expect(await messages('type: sqlite, path: x.db, verify: { every: 1ms, rate: 0 }')).toHaveLength(2);
  expect(await messages('type: file, path: x, verify: {}')).toEqual([
    'a file sink cannot be compared with its source: what it holds cannot be read',
  ]);
});

test('a variable is what its field asks for, also in one of several forms', async () => {
  const dir = project({
    'p.yaml': SHOP.replace(' }', ', batch: { records: "${N}" } }'),
    'tailrace.yaml': 'http: { port: "${N}" }',
  });
  const { problems, instance, pipelines } = await load(dir, { env: { N: '12' } });
  expect(problems).toEqual([]);
  expect(instance.http?.port).toBe(12);
  expect(pipelines[0]?.sinks[0]?.batch.maxRecords).toBe(12);
  await writeFile(join(dir, 'tailrace.yaml'), 'http: ${OFF}');
  expect((await load(dir, { env: { N: '12', OFF: 'false' } })).instance.http).toBeNull();
});

describe('invariant 12: secrets of a configuration', () => {
  const CANARY = 'canary-Zx81';
  /** Rules and connectors that repeat what they were given. */
  const loud: Registry = {
    ...testRegistry,
    source: (type) => {
      const manifest = testRegistry.source(type);
      const url = z
        .string()
        .meta({ secret: true })
        .refine(() => false, { error: (issue) => `is wrong: ${issue.input}` });
      return manifest && { ...manifest, config: z.strictObject({ url }) };
    },
    rules: {
      ...testRegistry.rules,
      lint: (steps) =>
        steps.map((step) => ({
          level: 'error',
          code: 'expression-syntax',
          message: `cannot read ${JSON.stringify(step.config)}${typeof step.config === 'string' ? step.config.slice(2, 9) : ''}`,
          path: [...step.path, step.verb],
          offset: 3,
          length: 5,
          fix: `not ${JSON.stringify(step.config)}`,
        })),
    },
  };

  test('invariant 12: variables never show up in problems, whoever repeats them', async () => {
    const yaml = `
name: \${NAME}
source:
  type: postgres
  url: \${URL}
  tables: ["\${TABLE}", "public.\${TABLE}"]
  snapshot: \${WORD}
transform:
  - filter: \${EXPRESSION}
  - set: { a: "lower('\${PASSWORD}')" }
sink: { type: sqlite, path: out.db, from: "\${TABLE}", batch: { records: "\${WORD}", bytes: "\${WORD}" } }
`;
    const dir = project({
      'p.yaml': yaml,
      'tailrace.yaml': 'http: { host: "${WORD}", port: "${WORD}" }\nmemory: ${WORD}\n',
    });
    const env = Object.fromEntries(
      ['NAME', 'TABLE', 'WORD', 'EXPRESSION', 'PASSWORD'].map((name) => [name, `${CANARY} ${name}`]),
    );
    const { problems } = await load(dir, { registry: loud, env: { ...env, URL: `postgres://u:${CANARY}@h/d` } });
    expect(problems.map(({ code }) => code)).toContain('expression-syntax');
    expect(problems.length).toBeGreaterThan(10);
    // Not even a part of it.
    expect(JSON.stringify(problems)).not.toContain(CANARY.slice(2, 9));
  });

  test('invariant 12: passwords written into a file stay out of its problems, however it is broken', async () => {
    const secrets = [`postgres://shop:${CANARY}@h:5432/d`, `"${CANARY}"`, CANARY, `postgres://h/d?password=${CANARY}`];
    const lines = (secret: string) => [
      'name: shop',
      'source:',
      '  type: postgres',
      `  url: ${secret}`,
      '  tables: [public.products]',
      'sink: { type: sqlite, path: out.db }',
    ];
    const marks = fc.constantFrom(...'"\'{}[]:#&*!|>-?,%@` \n\tx');
    const dir = project({ 'tailrace.yaml': `mask_key: ${CANARY}\nmaks_key: ${CANARY}\ninstance: ???\n` });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...secrets), fc.nat(), marks, fc.boolean(), async (secret, at, mark, insert) => {
        const text = lines(secret).join('\n');
        const start = text.indexOf(CANARY);
        const place = at % text.length;
        // The secret itself stays whole. A word is a secret only by its key, so that stays too.
        const key = secret.includes('?') ? text.indexOf('?') : text.lastIndexOf('\n', start);
        const kept = (secret.includes('shop:') ? start : key) - 1;
        fc.pre(place < kept || place >= start + CANARY.length);
        writeFileSync(join(dir, 'p.yaml'), text.slice(0, place) + mark + text.slice(insert ? place : place + 1));
        const { problems } = await load(dir, { registry: loud });
        expect(problems.map((problem) => problemText(problem)).join('')).not.toContain(CANARY);
      }),
      { numRuns: Number(process.env.TAILRACE_RUNS ?? 400) },
    );
  });

  test('invariant 12: passwords of Kafka users stay out of the problems of tailrace.yaml, however it is broken', async () => {
    const users = [
      `{ password: ${CANARY} }`,
      `{ super: true, password: "${CANARY}" }`,
      `\n      password: '${CANARY}'`,
    ];
    const marks = fc.constantFrom(...'"\'{}[]:#&*!|>-?,%@` \n\tx');
    const dir = project({ 'p.yaml': SHOP });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...users), fc.nat(), marks, fc.boolean(), async (user, at, mark, insert) => {
        const text = `kafka:\n  listen: 0.0.0.0:9092\n  users:\n    ann: ${user}\n    bob: 5\n  acls: [{ user: eve }]\n`;
        const place = at % text.length;
        // A word is a secret by its key: that stays, and so does the secret.
        fc.pre(place < text.indexOf('pas') - 1 || place > text.indexOf(CANARY) + CANARY.length);
        writeFileSync(join(dir, 'tailrace.yaml'), text.slice(0, place) + mark + text.slice(insert ? place : place + 1));
        const { problems } = await load(dir);
        expect(problems.length).toBeGreaterThan(0);
        expect(problems.map((problem) => problemText(problem)).join('')).not.toContain(CANARY);
      }),
      { numRuns: Number(process.env.TAILRACE_RUNS ?? 150) },
    );
  });

  test('invariant 12: what the rest of the product says is redacted', async () => {
    const dir = project({
      'p.yaml': SHOP.replace('postgres://h/d', 'postgres://u:p%40ss-word@h/d'),
      'tailrace.yaml': `mask_key: ${CANARY}\n`,
    });
    const { redact } = await load(dir);
    expect(redact(`no: p%40ss-word, p@ss-word, ${CANARY}`)).toBe('no: ***, ***, ***');
    const common = project({ 'p.yaml': SHOP.replace('postgres://h/d', 'postgres://u:password@h/d') });
    const text = 'check user and password: postgres://u:password@h/e';
    expect((await load(common)).redact(text)).toBe('check user and password: postgres://u:***@h/e');
  });
});

/** As large as a pipeline gets. */
const HONEST = `source: { type: postgres, url: postgres://h/d, tables: [public.t] }
sinks:
${Array.from({ length: 100 }, (_, i) => `  s${i}: { type: redis, url: redis://h, key: "${i}:{id}", transform: [{ drop: [a] }] }`).join('\n')}
`;

describe('files made to hurt', () => {
  const entity = (depth: number) =>
    Array.from({ length: depth }, (_, i) => `k${i}: &k${i} [${Array(9).fill(i === 0 ? 'x' : `*k${i - 1}`)}]`).join(
      '\n',
    );
  const sized = (unit: string) => unit.repeat(Math.floor(64_000 / unit.length));
  const hurtful: [name: string, text: string][] = [
    ['aliases of aliases', entity(12)],
    ['open lists', sized('[')],
    ['open maps', sized('{a: ')],
    ['nested items', sized('- ')],
    ['nested keys', sized('? ')],
    ['many keys', Array.from({ length: 6_000 }, (_, i) => `k${i}: 1`).join('\n')],
    ['one key again and again', sized('a: 1\n')],
    ['many tags', sized('! ')],
    ['many anchors', sized('&a ')],
    ['an error on every line', sized('a: @\n')],
    ['many variables', `name: ${sized('${X}')}`],
    ['variables that never close', `name: ${sized('${')}`],
    ['URLs', `name: ${sized('://:@')}`],
    ['one long word', `name: ${sized('a')}`],
    ['secrets', sized('token')],
    ['a list of steps', `transform: [${sized('a,')}]`],
    ['many sinks', `sinks:\n${Array.from({ length: 2_500 }, (_, i) => `  s${i}: {type: x}`).join('\n')}`],
    ['merge keys', `base: &b { a: 1 }\n${Array.from({ length: 2_500 }, (_, i) => `k${i}: { <<: *b }`).join('\n')}`],
    ['pairs of one map', `x: {${Array.from({ length: 8_000 }, (_, i) => `a${i}:1`).join()}}`],
    ['a deep expression', `transform:\n  - filter: ${'('.repeat(30_000)}a${')'.repeat(30_000)}`],
    ['a pattern', `transform:\n  - filter: a ~ '${'(a+)+'.repeat(9_000)}'`],
    ['just as many words as are read', 'a: 1\n'.repeat(6_400)],
  ];
  test.each(hurtful)('%s: answered, with so many problems at most', async (_, text) => {
    const dir = project({ 'p.yaml': text });
    const { problems } = await load(dir);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.length).toBeLessThanOrEqual(101);
  });

  test('invariant 10: all of them in a process with little memory, each in the time of a file that is honest', () => {
    const dirs = [HONEST, ...hurtful.map(([, text]) => text)].map((text) => project({ 'p.yaml': text }));
    const script = `
      const { loadProject } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)});
      const { testRegistry: registry } = await import(${JSON.stringify(new URL('../../test/support/config-registry.ts', import.meta.url).href)});
      const times = [];
      for (const cwd of ${JSON.stringify([dirs[0], ...dirs])}) {
        const start = process.cpuUsage();
        await loadProject({ paths: [], cwd, env: {}, registry });
        const { user, system } = process.cpuUsage(start);
        times.push((user + system) / 1_000);
      }
      console.log(JSON.stringify(times));`;
    // What the modules themselves need is half of it: a file gets less than 50 MB, or the process ends without an answer.
    const words = ['--max-old-space-size=64', '--input-type=module', '-e', script];
    const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
    expect(stderr).toBe('');
    const [, honest, ...times] = JSON.parse(stdout) as number[];
    // On a quiet machine each takes less than 100 ms; in the little memory, beside other work, some times that.
    const slow = times.flatMap((ms, i) => (ms < Math.max(500, 10 * honest!) ? [] : [`${hurtful[i]![0]}: ${ms} ms`]));
    expect(slow).toEqual([]);
  });
});
