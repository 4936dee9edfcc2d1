/** The package as it is published, JavaScript: what is measured is that, not the sources with their types taken off at load. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Inside the repository, so that the dependencies are found. */
const OUT = join(ROOT, '.cache', 'bench');
const DIST = join(OUT, 'dist');

let isBuilt = false;

/** Path of the built form of a source file. @param source from the root, such as `bench/capture-child.ts` */
export function built(source: string): string {
  build();
  return join(DIST, source.replace(/\.ts$/, '.js'));
}

/** Path of what the command `tailrace` runs. */
export function builtLauncher(): string {
  build();
  return join(OUT, 'bin', 'tailrace.cjs');
}

function build(): void {
  if (isBuilt) return;
  rmSync(OUT, { recursive: true, force: true });
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(process.execPath, [compiler, '-p', join(ROOT, 'bench'), '--outDir', DIST], { stdio: 'inherit' });
  cpSync(join(ROOT, 'bin'), join(OUT, 'bin'), { recursive: true });
  copyFileSync(join(ROOT, 'package.json'), join(OUT, 'package.json'));
  isBuilt = true;
}
