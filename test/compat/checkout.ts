/** Brings a suite into a directory outside of the repository, with the packages that its tests need. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Checkout, Suite } from './suite.ts';

/** @param source directory or git URL. What is in `work` already is used again. */
export function checkOut(suite: Suite, source: string, work: string): Checkout {
  const dir = join(work, 'suite');
  mkdirSync(work, { recursive: true });
  if (!existsSync(join(dir, 'package.json'))) bring(suite, source, dir);
  if (!existsSync(join(dir, 'node_modules'))) install(suite, dir);
  return { dir, work };
}

function bring({ ref }: Suite, source: string, dir: string): void {
  // A directory without git's own files is taken as it is.
  if (existsSync(join(source, 'package.json')) && !existsSync(join(source, '.git'))) {
    cpSync(source, dir, { recursive: true, filter: (path) => !path.endsWith('/node_modules') });
    return;
  }
  const git = (...args: string[]) => execFileSync('git', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  git('clone', '--quiet', source, dir);
  git('-C', dir, '-c', 'advice.detachedHead=false', 'checkout', '--quiet', ref);
}

/** Only what the tests need: linters, other clients and compilers stay out. */
function install({ packages, morePackages, emptyPackages }: Suite, dir: string): void {
  const file = join(dir, 'package.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  const wanted = Object.entries(manifest.devDependencies ?? {}).filter(([name]) => packages.test(name));
  manifest.devDependencies = Object.fromEntries(wanted);
  for (const name of morePackages) manifest.devDependencies[name] = '*';
  delete manifest.scripts;
  writeFileSync(file, JSON.stringify(manifest, null, 2));
  const args = ['install', '--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts'];
  execFileSync('npm', args, { cwd: dir, stdio: ['ignore', 'ignore', 'inherit'] });
  for (const name of emptyPackages) {
    const empty = join(dir, 'node_modules', name);
    mkdirSync(empty, { recursive: true });
    writeFileSync(join(empty, 'package.json'), JSON.stringify({ name, version: '0.0.0', main: 'index.js' }));
    writeFileSync(join(empty, 'index.js'), '');
  }
}
