/** docker-compose.yml and Dockerfile: by the Compose tool itself, and by running the steps of the image in an empty directory. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { freePort } from '../../demo/servers/free-port.ts';
import { startPostgres } from '../../demo/servers/postgres.ts';
import { TailraceError } from '../../src/contracts/errors.ts';
import { createApp } from '../../src/main.ts';
import { cli } from '../support/cli.ts';
import { mustSkip } from '../support/skip.ts';
import { composeConfig, findCompose } from './compose-tool.ts';
import { build, contextOf, stagesOf } from './dockerfile.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FILE = join(ROOT, 'docker-compose.yml');
const PROJECT = join(ROOT, 'demo', 'compose', 'project');
const SECRET = 'canary4711';
/** A password that is no variable, as a value or in a URL. */
const LITERAL = /password\b\s*:\s*['"]?[^\s'"$]|:\/\/\w*:[^@\s/]*\w@/i;

interface Service {
  readonly image: string;
  readonly environment?: Record<string, string>;
  readonly entrypoint?: readonly string[];
  readonly volumes?: readonly { readonly type: string; readonly source: string; readonly target: string }[];
  readonly ports?: readonly { readonly host_ip: string; readonly target: number; readonly published: string }[];
  readonly depends_on?: Record<string, { readonly condition: string }>;
  readonly healthcheck?: { readonly test: readonly string[] };
}

interface Stack {
  readonly services: Record<string, Service>;
  readonly volumes: Record<string, unknown>;
}

const tool = await findCompose().catch((error: unknown) => {
  if (error instanceof TailraceError && error.code === 'demo.missing') return error;
  throw error;
});
const missing = typeof tool === 'string' ? null : `${tool.message} ${tool.remedy ?? ''}`;

describe.skipIf(mustSkip('compose', missing))('docker-compose.yml', () => {
  let stack: Stack;
  const config = (file: string, env: Record<string, string>) => composeConfig(tool as string, file, env);

  beforeAll(async () => {
    const { code, out, err } = await config(FILE, { SHOP_PASSWORD: SECRET });
    expect([code, err]).toEqual([0, '']);
    stack = JSON.parse(out);
  });

  test('is refused without the password, and with anything that the tool does not know', async () => {
    expect(await config(FILE, {})).toMatchObject({ code: 1, err: expect.stringContaining('SHOP_PASSWORD') });
    const dir = mkdtempSync(join(tmpdir(), 'tailrace-compose-'));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    const wrong = join(dir, 'docker-compose.yml');
    writeFileSync(wrong, readFileSync(FILE, 'utf8').replace('depends_on:', 'depend_on:'));
    expect((await config(wrong, { SHOP_PASSWORD: SECRET })).code).not.toBe(0);
  });

  test('images have exact versions, services are checked for health, nobody waits for one that is not', () => {
    expect(Object.keys(stack.services).sort()).toEqual([
      'elasticsearch',
      'load',
      'mysql',
      'postgres',
      'redis',
      'tailrace',
    ]);
    for (const [name, { image, healthcheck, depends_on: waits = {} }] of Object.entries(stack.services)) {
      expect([name, image]).toEqual([name, expect.stringMatching(/^(tailrace-shop|[a-z]+:\d+\.\d+(\.\d+)?)$/)]);
      expect([name, healthcheck?.test.length]).toEqual([name, expect.any(Number)]);
      for (const [other, { condition }] of Object.entries(waits)) {
        expect(condition).toBe('service_healthy');
        expect(Object.keys(stack.services)).toContain(other);
      }
    }
  });

  test('no secret stands in a file, and the one that is given goes where it is asked for', () => {
    const files = [FILE, ...readdirSync(PROJECT).map((name) => join(PROJECT, name))];
    for (const file of files) {
      expect(readFileSync(file, 'utf8').replaceAll(/\$\{[^}]*\}/g, '$')).not.toMatch(LITERAL);
    }
    for (const name of ['postgres', 'mysql', 'redis', 'tailrace']) {
      expect(JSON.stringify(stack.services[name]!.environment)).toContain(SECRET);
    }
  });

  test('every path is there, every port is that of its service, and on this machine only', () => {
    const { tailrace, load, ...others } = stack.services;
    const bound = Object.values(stack.services).flatMap(({ volumes = [] }) => volumes);
    for (const { type, source } of bound) {
      if (type === 'bind') expect(existsSync(source)).toBe(true);
      else expect(Object.keys(stack.volumes)).toContain(source);
    }
    const settings = parse(readFileSync(join(PROJECT, 'tailrace.yaml'), 'utf8'));
    const [port] = tailrace!.ports!;
    expect(settings.kafka.listen).toBe(`0.0.0.0:${port!.target}`);
    expect(settings.kafka.advertise).toBe(`${port!.host_ip}:${port!.published}`);
    for (const { ports = [] } of Object.values(stack.services)) {
      for (const one of ports) expect(one.host_ip).toBe('127.0.0.1');
    }
    expect(tailrace!.healthcheck!.test.join(' ')).toContain(`127.0.0.1:${settings.http.port}/ready`);
    const targets = tailrace!.volumes!.map(({ target }) => target);
    expect(targets).toEqual(['/app/project', '/app/data']);
    expect(settings.data_dir).toMatch(/^\/app\/data\//);
    const program = load!.entrypoint!.at(-1)!;
    expect(existsSync(join(ROOT, program.replace(/^dist\//, '').replace(/\.js$/, '.ts')))).toBe(true);
    const PORTS: Record<string, string> = { postgres: '5432', mysql: '3306', redis: '6379', elasticsearch: '9200' };
    const urls = Object.values({ ...tailrace!.environment, ...load!.environment }).filter((value) =>
      value.includes('://'),
    );
    expect(urls.length).toBeGreaterThan(3);
    for (const url of urls) {
      const { hostname, port: number } = new URL(url);
      expect([hostname, number]).toEqual([hostname, PORTS[hostname]]);
      expect(Object.keys(others)).toContain(hostname);
    }
  });

  test('the pipelines have all variables that they name, and no problem', async () => {
    const { environment = {} } = stack.services.tailrace!;
    for (const name of readdirSync(PROJECT)) {
      const named = [...readFileSync(join(PROJECT, name), 'utf8').matchAll(/\$\{(\w+)\}/g)].map(([, one]) => one!);
      expect(Object.keys(environment)).toEqual(expect.arrayContaining(named));
    }
    const { code, err } = await cli(['lint', PROJECT], { app: await createApp(), env: environment });
    expect([code, err]).toEqual([0, '']);
  });
});

describe('Dockerfile', () => {
  let image: string;
  const stages = stagesOf(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'));
  const setting = (name: string): string[] => {
    return JSON.parse(stages.at(-1)!.steps.findLast(([instruction]) => instruction === name)![1]);
  };

  beforeAll(() => {
    const dir = mkdtempSync(join(tmpdir(), 'tailrace-image-'));
    const context = mkdtempSync(join(tmpdir(), 'tailrace-context-'));
    process.env.npm_config_prefer_offline = 'true';
    image = build(stages, contextOf(ROOT, context), dir);
    return () => {
      for (const one of [dir, context]) rmSync(one, { recursive: true, force: true });
    };
  }, 300_000);

  test('both stages stand on the same exact version of Node.js, of which Tailrace can run', () => {
    expect(new Set(stages.map((stage) => stage.image)).size).toBe(1);
    expect(Number(/^node:(\d+)\.\d+\.\d+-/.exec(stages[0]!.image)?.[1])).toBeGreaterThanOrEqual(24);
  });

  test('what is built runs pipelines, says that it is ready, and ends when it is told', async () => {
    const port = await freePort();
    mkdirSync(join(image, 'project'));
    writeFileSync(
      join(image, 'project', 'tailrace.yaml'),
      `data_dir: ${image}/data/log\nhttp: { port: ${port} }\nkafka: { listen: "127.0.0.1:${await freePort()}" }\n`,
    );
    const [, ...words] = [...setting('ENTRYPOINT'), ...setting('CMD')];
    const child = spawn(process.execPath, words, { cwd: image, stdio: ['ignore', 'ignore', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const exited = once(child, 'exit');
    const { services } = parse(readFileSync(FILE, 'utf8'));
    const [, , , script] = services.tailrace.healthcheck.test as string[];
    await expect.poll(() => isHealthy(script!.replace('7600', String(port))), { timeout: 120_000 }).toBe(true);
    child.kill('SIGTERM');
    expect((await exited)[0]).toBe(0);
    expect(existsSync(join(image, 'node_modules', 'typescript'))).toBe(false);
    expect(existsSync(join(image, 'src'))).toBe(false);
  });

  test('the load makes the shop, says so, and ends when it is told', async () => {
    const postgres = await startPostgres();
    onTestFinished(() => postgres.stop());
    const open = join(image, 'open');
    const env = { ...process.env, SHOP_PG_URL: postgres.url, SHOP_OPEN_FILE: open };
    const child = spawn(process.execPath, ['dist/demo/compose/load.js'], {
      cwd: image,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const exited = once(child, 'exit');
    await expect.poll(() => existsSync(open), { timeout: 120_000 }).toBe(true);
    child.kill('SIGTERM');
    expect((await exited)[0]).toBe(0);
  });
});

async function isHealthy(script: string): Promise<boolean> {
  const child = spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
  return (await once(child, 'exit'))[0] === 0;
}
