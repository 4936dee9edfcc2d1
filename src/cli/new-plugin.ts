/** The files of a new plugin, from the templates. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NewFile } from './new-pipeline.ts';

export const PLUGIN_KINDS = ['sink', 'source', 'step'] as const;
export type PluginKind = (typeof PLUGIN_KINDS)[number];

export interface PluginWords {
  readonly kind: PluginKind;
  /** `type` or `verb`. */
  readonly name: string;
  /** Of the npm package. */
  readonly packageName: string;
  /** Of this product. */
  readonly version: string;
}

/** Files that npm or the tools of this repository would take for their own. */
const RENAMED: Readonly<Record<string, string>> = {
  gitignore: '.gitignore',
  'ci.yml': join('.github', 'workflows', 'ci.yml'),
};

/** @param templates absolute */
export async function newPluginFiles(templates: string, words: PluginWords): Promise<readonly NewFile[]> {
  const filled = (text: string) =>
    text
      .replaceAll('__name__', words.name)
      .replaceAll('__package__', words.packageName)
      .replaceAll('__version__', words.version)
      .replaceAll('__kind__', words.kind.charAt(0).toUpperCase() + words.kind.slice(1));
  const files: NewFile[] = [];
  for (const folder of ['plugin', `plugin-${words.kind}`].map((name) => join(templates, name))) {
    for (const path of (await readdir(folder, { recursive: true })).sort()) {
      const text = await readFile(join(folder, path), 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'EISDIR') return null;
        throw error;
      });
      if (text !== null) files.push({ path: RENAMED[path] ?? path, text: filled(text), mode: 0o644 });
    }
  }
  return files;
}
