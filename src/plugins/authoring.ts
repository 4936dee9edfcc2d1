/** What the author of a plugin gets of this product: templates, and the SDK without installing it. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { PluginAuthoring } from '../contracts/plugin-authoring.ts';

const isSource = import.meta.url.endsWith('.ts');
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export function pluginAuthoring(): PluginAuthoring {
  const [typed, run] = isSource ? ['.ts', '.ts'] : ['.d.ts', '.js'];
  // Next to the sources in the repository, one level further up in the built package.
  const templates = ['../../templates', '../../../templates'].map(here).find(existsSync) ?? here('../../templates');
  return {
    templates,
    preload: here(`./preload${run}`),
    types: {
      'tailrace/sdk': here(`../sdk/index${typed}`),
      'tailrace/testkit': here(`../testkit/index${typed}`),
    },
  };
}
