/** Names of tables: what a source captures, and what a sink takes of it. Their types are checked by the schema. */
import { didYouMean } from '../lib/did-you-mean.ts';
import { isPattern } from '../lib/name-pattern.ts';
import { quoted } from '../lib/printable.ts';
import type { ConfigFile } from './config-file.ts';
import type { Path, TreeNode } from './tree.ts';

interface NamedPlace {
  readonly name: string;
  readonly path: Path;
}

/**
 * `schema.table` each, none twice, patterns where the source takes them. Null when nothing usable is there.
 * @param patterns null: the source is not known
 */
export function readTables(
  file: ConfigFile,
  path: Path,
  node: TreeNode | undefined,
  patterns: boolean | null,
): readonly string[] | null {
  const places = names(file, path, node);
  if (node?.kind === 'list' && node.items.length === 0) {
    file.report({
      level: 'error',
      code: 'out-of-range',
      message: '"tables" needs at least one table',
      path,
      fix: 'write [schema.table]',
    });
  }
  let isWrong = false;
  for (const place of places) {
    if (patterns === false && isPattern(place.name)) {
      isWrong = true;
      const message = `this source takes no patterns: ${quoted(place.name)}`;
      file.report({ level: 'error', code: 'table-name', message, path: place.path, fix: 'name each table' });
      continue;
    }
    if (/^[^.]+\.[^.].*$/.test(place.name)) continue;
    isWrong = true;
    const fix = place.name.includes('.') || place.name === '' ? 'write schema.table' : `write schema.${place.name}`;
    const message = `the table ${quoted(place.name)} must be named with its schema`;
    file.report({ level: 'error', code: 'table-name', message, path: place.path, fix });
  }
  reportRepeated(file, places);
  return isWrong || places.length === 0 ? null : places.map(({ name }) => name);
}

/** Names under `tables:`, right or wrong, for judging `from:`. Null when they cannot all be known. */
export function declaredTables(file: ConfigFile, path: Path, node: TreeNode | undefined): readonly string[] | null {
  if (node === undefined || file.hasUnresolved(path)) return null;
  const all = names(file, path, node).map(({ name }) => name);
  return all.some(isPattern) ? null : all;
}

/** @param tables that the sources capture; null when they are not known. */
export function readFrom(
  file: ConfigFile,
  path: Path,
  node: TreeNode | undefined,
  tables: readonly string[] | null,
): readonly string[] | null {
  const places = names(file, path, node);
  if (node?.kind === 'list' && node.items.length === 0) {
    const fix = 'name a table, or remove the key to take all';
    file.report({ level: 'error', code: 'out-of-range', message: '"from" needs at least one table', path, fix });
  }
  if (tables !== null) {
    const known = [...new Set(tables.flatMap((table) => [table.slice(table.indexOf('.') + 1), table]))];
    for (const place of places) {
      if (known.includes(place.name)) continue;
      const fix =
        didYouMean(place.name, known) ?? `tables: ${tables.slice(0, 8).join(', ')}${tables.length > 8 ? ', …' : ''}`;
      const message = `no source of this pipeline captures the table ${quoted(place.name)}`;
      file.report({ level: 'error', code: 'unknown-table', message, path: place.path, fix });
    }
  }
  reportRepeated(file, places);
  return places.length === 0 ? null : places.map(({ name }) => name);
}

function reportRepeated(file: ConfigFile, places: readonly NamedPlace[]): void {
  const seen = new Set<string>();
  for (const { name, path } of places) {
    if (seen.has(name)) {
      const message = `the table ${quoted(name)} is named twice`;
      file.report({ level: 'error', code: 'duplicate-table', message, path, fix: 'remove one' });
    }
    seen.add(name);
  }
}

function names(file: ConfigFile, path: Path, node: TreeNode | undefined): NamedPlace[] {
  if (node === undefined) return [];
  const items =
    node.kind === 'list' ? node.items.map((item, i) => [item, [...path, i]] as const) : [[node, path] as const];
  return items.flatMap(([item, at]) => {
    if (item.kind !== 'scalar' || item.value === null || file.isUnresolved(at)) return [];
    return [{ name: item.resolution?.value ?? item.text, path: at }];
  });
}
