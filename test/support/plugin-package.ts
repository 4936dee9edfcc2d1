/** The example plugin as its author would publish it: built by its own tsconfig against the types of the product, and packed. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const EXAMPLE = join(ROOT, 'examples', 'tailrace-plugin-etcd');
const COMPILER = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');

/** Absolute path of the tarball. @param dir an empty directory */
export function packExample(dir: string): string {
  const modules = join(dir, 'node_modules');
  const product = join(modules, 'tailrace');
  mkdirSync(product, { recursive: true });
  for (const name of ['zod', '@types']) symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  cpSync(join(ROOT, 'package.json'), join(product, 'package.json'));
  emitTypes(join(dir, 'types.json'), join(product, 'dist'));
  const own = join(dir, 'package');
  cpSync(EXAMPLE, own, { recursive: true, filter: (path) => !/\/(dist|node_modules)$/.test(path) });
  execFileSync(process.execPath, [COMPILER, '-p', 'tsconfig.json'], { cwd: own, stdio: 'pipe' });
  return packDirectory(own);
}

/** Absolute path of the tarball. @param dir with a package.json */
export function packDirectory(dir: string): string {
  const env = { ...process.env, npm_config_update_notifier: 'false' };
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--json'], { cwd: dir, env, stdio: 'pipe' });
  return join(dir, (JSON.parse(String(packed)) as [{ filename: string }])[0].filename);
}

/** As `npm run build` makes them, of what plugins import. */
function emitTypes(config: string, outDir: string): void {
  const files = ['sdk', 'testkit'].map((name) => join(ROOT, 'src', name, 'index.ts'));
  const compilerOptions = { noEmit: false, declaration: true, emitDeclarationOnly: true, rootDir: ROOT, outDir };
  const typeRoots = [join(ROOT, 'node_modules', '@types')];
  const settings = { extends: join(ROOT, 'tsconfig.json'), compilerOptions: { ...compilerOptions, typeRoots }, files };
  writeFileSync(config, JSON.stringify({ ...settings, include: [] }));
  execFileSync(process.execPath, [COMPILER, '-p', config], { stdio: 'pipe' });
}
