/** The package as it is published, JavaScript: what is measured is that, not the sources with their types taken off at load. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Inside the repository, so that the dependencies are found. */
const OUT = join(ROOT, '.cache', 'bench');

let isBuilt = false;

/** Path of the built form of a source file. @param source from the root, such as `src/main.ts` */
export function built(source: string): string {
  if (!isBuilt) {
    rmSync(OUT, { recursive: true, force: true });
    const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    execFileSync(process.execPath, [compiler, '-p', join(ROOT, 'bench'), '--outDir', OUT], { stdio: 'inherit' });
    copyFileSync(join(ROOT, 'package.json'), join(OUT, 'package.json'));
    isBuilt = true;
  }
  return join(OUT, source.replace(/\.ts$/, '.js'));
}
