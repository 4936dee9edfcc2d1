/** bin/tailrace.cjs, in a package of its own whose main program is a stub. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

const BIN = fileURLToPath(new URL('../bin/', import.meta.url));
const PLATFORM_PACKAGE = `node-${process.platform}-${process.arch}`;

/** What the stub prints tells which process ran and how. */
const STUB = `
export const createApp = 'createApp';
export async function main(args, create) {
  const { version, pid, ppid, env, execArgv } = process;
  const relaunched = env.TAILRACE_RELAUNCHED ?? null;
  const report = () => console.log(JSON.stringify({ args, create, version, pid, ppid, relaunched, execArgv }));
  if (args[0] !== 'wait') report();
  if (args[0] === 'exit') return Number(args[1]);
  if (args[0] === 'kill') process.kill(process.pid, 'SIGKILL');
  if (args[0] !== 'wait') return 0;
  return new Promise((resolve) => {
    const timer = setInterval(() => {}, 1_000);
    for (const signal of ['SIGTERM', 'SIGINT']) {
      process.on(signal, () => {
        console.log('got ' + signal);
        clearInterval(timer);
        resolve(9);
      });
    }
    report();
  });
}
`;

let home: string;
let launcher: string;
/** Makes Node.js call itself an older one. */
let pretendOld: string;

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'tailrace-launcher-'));
  chmodSync(home, 0o700);
  pretendOld = join(home, 'old.cjs');
  writeFileSync(pretendOld, `Object.defineProperty(process, 'version', { value: 'v20.20.0' });\n`);
  launcher = join(packageDir('whole'), 'bin', 'tailrace.cjs');
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** @param node version of the platform package beside it; null: there is none. */
function packageDir(name: string, node: string | null = '24.0.0'): string {
  const dir = join(home, name, 'node_modules', 'tailrace');
  mkdirSync(join(dir, 'dist', 'src'), { recursive: true });
  cpSync(BIN, join(dir, 'bin'), { recursive: true });
  writeFileSync(join(dir, 'package.json'), '{"name":"tailrace","type":"module"}');
  writeFileSync(join(dir, 'dist', 'src', 'main.js'), STUB);
  if (node !== null) {
    const nodeDir = join(home, name, 'node_modules', PLATFORM_PACKAGE);
    mkdirSync(join(nodeDir, 'bin'), { recursive: true });
    writeFileSync(join(nodeDir, 'package.json'), JSON.stringify({ name: PLATFORM_PACKAGE, version: node }));
    symlinkSync(process.execPath, join(nodeDir, 'bin', 'node'));
  }
  return dir;
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** First line of output, parsed. */
  readonly report: Promise<{ pid: number; ppid: number; args: string[]; version: string }>;
}

function start(command: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): Started {
  const env: NodeJS.ProcessEnv = { ...process.env, ...options.env };
  const cwd = options.cwd ?? home;
  const child = spawn(command[0]!, command.slice(1), { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let out = '';
  let err = '';
  let told: (line: string) => void = () => {};
  const report = new Promise<string>((resolve) => (told = resolve)).then((line) => JSON.parse(line));
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    if (out.includes('\n')) told(out.slice(0, out.indexOf('\n')));
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, out, err }));
  });
  return { child, ended, report };
}

/** A Node.js on the path that is too old to run Tailrace, as a user may have it. */
function systemNode(): string | null {
  for (const dir of (process.env.PATH ?? '').split(delimiter)) {
    if (dir.includes('node_modules')) continue;
    const found = spawnSync(join(dir, 'node'), ['--version'], { encoding: 'utf8' });
    if (found.status === 0 && Number(/^v(\d+)/.exec(found.stdout)?.[1]) < 24) return join(dir, 'node');
  }
  return null;
}

test('Node.js 24 runs it in its own process', async () => {
  const { child, ended, report } = start([process.execPath, launcher, 'exit', '7', '--json']);
  expect(await report).toMatchObject({ args: ['exit', '7', '--json'], create: 'createApp', pid: child.pid });
  expect(await ended).toMatchObject({ code: 7, signal: null, err: '' });
});

test('what stays runs with less memory for young objects, in the same process', async () => {
  const { child, ended, report } = start([process.execPath, '--no-deprecation', launcher, 'run', 'a b']);
  const execArgv = ['--no-deprecation', '--max-semi-space-size=8'];
  expect(await report).toMatchObject({ args: ['run', 'a b'], pid: child.pid, execArgv });
  expect(await ended).toMatchObject({ code: 0, signal: null, err: '' });
  const short = start([process.execPath, launcher, 'lint', 'run']);
  expect(await short.report).toMatchObject({ execArgv: [] });
});

const old = systemNode();
const runners: (readonly [name: string, command: () => string[]])[] = [
  ['one that calls itself older', () => [process.execPath, '--require', pretendOld]],
  ...(old === null ? [] : [[`${old}, which is older`, () => [old]] as const]),
];
if (old === null) console.log('no Node.js older than 24 on the path: only a pretended one is tried');

describe.each(runners)('%s', (_, command) => {
  const run = (...args: string[]) => start([...command(), launcher, ...args]);

  test('runs it under the installed Node.js 24, with its words and exit code', async () => {
    const { child, ended, report } = run('exit', '7', 'a b', '--x=$y');
    const told = await report;
    expect(told).toMatchObject({ args: ['exit', '7', 'a b', '--x=$y'], ppid: child.pid, version: process.version });
    expect(told).toMatchObject({ relaunched: null });
    expect(await ended).toMatchObject({ code: 7, signal: null, err: '' });
    expect(await run('dev').report).toMatchObject({ args: ['dev'], execArgv: ['--max-semi-space-size=8'] });
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('passes %s on and returns the exit code', async (signal) => {
    const { child, ended, report } = run('wait');
    await report;
    child.kill(signal);
    const { code, out } = await ended;
    expect(out).toContain(`got ${signal}`);
    expect(code).toBe(9);
  });

  test('dies of the signal that its child died of', async () => {
    expect(await run('kill').ended).toMatchObject({ code: null, signal: 'SIGKILL' });
  });

  test('takes its child with it when it is killed', async () => {
    const { child, report, ended } = run('wait');
    await report;
    child.kill('SIGKILL');
    // Its output ends only when the last writer, the child, is gone.
    expect((await ended).out).toContain('got SIGTERM');
  });

  test('says what to do when no Node.js 24 is installed, or one that is not', async () => {
    for (const dir of [packageDir('none', null), packageDir('older', '22.9.0')]) {
      const { code, out, err } = await start([...command(), join(dir, 'bin', 'tailrace.cjs'), 'exit', '0']).ended;
      expect([code, out]).toEqual([1, '']);
      expect(err.trim().split('\n')).toEqual([
        expect.stringMatching(/^tailrace needs Node\.js 24 or newer; this is v\d+\.\d+\.\d+ \(\/.*\)\.$/),
        expect.stringContaining('npm install node@24'),
      ]);
      rmSync(join(dir, '..', '..'), { recursive: true });
    }
  });

  test('does not relaunch itself for ever', async () => {
    const { code, err } = await start([...command(), launcher], { env: { TAILRACE_RELAUNCHED: '1' } }).ended;
    expect(code).toBe(1);
    expect(err).toContain('tailrace needs Node.js 24');
  });

  test('works through the link that npm makes, from anywhere', async () => {
    const link = join(home, 'tailrace');
    symlinkSync(launcher, link);
    expect(await start([...command(), link, 'exit', '3'], { cwd: '/' }).ended).toMatchObject({ code: 3 });
    rmSync(link);
  });
});

test('the launcher is ES5: older ones must be able to read it', () => {
  const text = readFileSync(join(BIN, 'tailrace.cjs'), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
  expect(text).not.toMatch(/=>|`|\b(const|let|class|async|await|import)\b|\.\.\.|\?\?|\?\.|,\s*\)/);
});
