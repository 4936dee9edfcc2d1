/** Who may import whom, and who may name a connector. */
import { type Import, type SourceFile, walk } from './source-file.ts';

const EVERYONE = ['contracts', 'lib'];

/** Folder of src/ → folders of src/ it may import, besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  contracts: [],
  lib: [],
  wire: EVERYONE,
  sdk: EVERYONE,
  log: [...EVERYONE, 'wire'],
  kafka: [...EVERYONE, 'wire'],
  protocol: [...EVERYONE, 'wire'],
  envelope: [...EVERYONE, 'wire'],
  rules: [...EVERYONE, 'sdk'],
  operations: [...EVERYONE, 'wire'],
  pipeline: EVERYONE,
  plugins: EVERYONE,
  config: EVERYONE,
  api: [...EVERYONE, 'config'],
  cli: [...EVERYONE, 'config'],
  testkit: [...EVERYONE, 'sdk'],
};

const CONNECTORS_MAY_IMPORT = ['sdk', ...EVERYONE];

/** npm package → where it may be imported (outside tests, examples, demo and bench). */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  zod: ['src/contracts', 'src/lib', 'src/sdk', 'src/config', 'src/api'],
  yaml: ['src/config'],
  '@node-rs/crc32': ['src/wire', 'src/lib', 'src/log'],
  pg: ['connectors/postgres'],
  'pg-copy-streams': ['connectors/postgres'],
  ioredis: ['connectors/redis'],
  mysql2: ['connectors/mysql'],
  '@elastic/elasticsearch': ['connectors/elasticsearch'],
};

/** An example stands for packages of others: nothing of ours but what they get. */
const PLUGIN_MAY_IMPORT = new Set(['tailrace/sdk', 'tailrace/testkit']);

/** Folders whose files may import and name anything. */
const FREE = /^(pipelines|demo|bench|test)\//;

export function arrowViolations(files: readonly SourceFile[]): string[] {
  return files
    .filter((file) => !file.isTest && !FREE.test(file.path))
    .flatMap((file) =>
      file.imports().flatMap((item) => {
        const reason = item.external ? packageReason(file.path, item) : folderReason(file.path, item);
        return reason === null ? [] : [`${file.path}:${item.line} imports ${item.specifier}: ${reason}`];
      }),
    );
}

function packageReason(path: string, item: Import): string | null {
  if (item.target === 'node:vm') return 'code from strings is not run here';
  if (item.target.startsWith('node:')) return null;
  if (path.startsWith('examples/')) return PLUGIN_MAY_IMPORT.has(item.specifier) ? null : 'a plugin has the SDK only';
  const places = PACKAGES[item.target];
  if (places === undefined) return 'this package is not known to the architecture test';
  return places.some((place) => path.startsWith(`${place}/`)) ? null : `only ${places.join(', ')} may import it`;
}

function folderReason(path: string, item: Import): string | null {
  const { target } = item;
  if (path === 'src/main.ts') return mainReason(item);
  if (target === 'src/main.ts') return 'nothing imports the composition root';
  if (path === 'connectors/index.ts') {
    const loads = /^connectors\/[^/]+\/index\.ts$/.test(target);
    if (loads) return item.dynamic || item.typeOnly ? null : 'connectors load lazily';
    return target.startsWith('src/contracts/') ? null : 'the list of connectors holds one line per connector';
  }
  const from = folderOf(path);
  const to = folderOf(target);
  if (from === to) return null;
  if (from.startsWith('connectors/')) {
    const allowed = CONNECTORS_MAY_IMPORT.some((folder) => to === `src/${folder}`);
    return allowed ? null : 'a connector imports sdk, contracts, lib and its own folder';
  }
  const allowed = MAY_IMPORT[from.replace('src/', '')];
  if (allowed === undefined) return `folder ${from} is not known to the architecture test`;
  if (allowed.some((folder) => to === `src/${folder}`)) return null;
  return `${from} may import only ${allowed.join(', ') || 'nothing of ours'}`;
}

function mainReason(item: Import): string | null {
  if (item.target.startsWith('demo/')) return item.dynamic || item.typeOnly ? null : 'the demo loads lazily';
  const known = item.target.startsWith('src/') || item.target === 'connectors/index.ts';
  return known ? null : 'main imports src/, the list of connectors and, lazily, the demo';
}

/** `src/log`, `connectors/redis`, `demo` … */
function folderOf(path: string): string {
  const [top, second] = path.split('/');
  return top === 'src' || top === 'connectors' ? `${top}/${second}` : (top ?? '');
}

/** A connector's manifest must not load its driver: that is what keeps `lint` and start-up quick. */
export function eagerDriverViolations(files: readonly SourceFile[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  return files
    .filter((file) => /^connectors\/[^/]+\/index\.ts$/.test(file.path))
    .flatMap((manifest) => {
      const eager = [manifest.path];
      const violations: string[] = [];
      for (const path of eager) {
        for (const item of byPath.get(path)?.imports() ?? []) {
          if (item.dynamic || item.typeOnly) continue;
          const driver = item.external && !item.target.startsWith('node:') && item.target !== 'zod';
          if (driver) violations.push(`${path}:${item.line} loads ${item.target} with the manifest ${manifest.path}`);
          if (!item.external && !eager.includes(item.target)) eager.push(item.target);
        }
      }
      return violations;
    });
}

/** String literals equal to a connector's type in code that must not know connectors. */
export function connectorNameViolations(files: readonly SourceFile[]): string[] {
  const manifests = files.map((file) => /^connectors\/([^/]+)\/index\.ts$/.exec(file.path)?.[1]);
  const types = new Set(manifests.filter((type) => type !== undefined));
  const violations: string[] = [];
  for (const file of files) {
    if (file.isTest || FREE.test(file.path) || file.path.startsWith('connectors/')) continue;
    walk(file.ast, (node) => {
      const text = literalText(node);
      if (text !== undefined && types.has(text)) {
        violations.push(`${file.path}:${file.lineOf(node.start)} names the connector "${text}"`);
      }
    });
  }
  return violations;
}

function literalText(node: { readonly type: string; readonly [field: string]: unknown }): string | undefined {
  if (node.type === 'Literal' && typeof node.value === 'string') return node.value;
  if (node.type !== 'TemplateElement') return undefined;
  return (node.value as { readonly cooked?: string }).cooked;
}

/** `eval`, `new Function`, `Function(…)`. */
export function codeFromStringViolations(files: readonly SourceFile[]): string[] {
  const violations: string[] = [];
  for (const file of files) {
    walk(file.ast, (node) => {
      if (node.type !== 'CallExpression' && node.type !== 'NewExpression') return;
      const callee = node.callee as { readonly type: string; readonly name?: unknown };
      if (callee.type !== 'Identifier' || (callee.name !== 'eval' && callee.name !== 'Function')) return;
      violations.push(`${file.path}:${file.lineOf(node.start)} makes code from a string`);
    });
  }
  return violations;
}
