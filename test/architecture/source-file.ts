/** The repository's TypeScript files, parsed. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative } from 'node:path';
import { parseAst } from 'vitest/node';

/** A node of the ESTree (TypeScript flavour) that vite's parser returns; fields beyond these depend on `type`. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

export interface Import {
  /** As written. */
  readonly specifier: string;
  /** Repository path for a relative one; the package's name (or `node:…`) otherwise. */
  readonly target: string;
  readonly external: boolean;
  /** Erased by the compiler. */
  readonly typeOnly: boolean;
  /** `import('…')` as an expression. */
  readonly dynamic: boolean;
  readonly line: number;
}

export class SourceFile {
  /** From the repository's root, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly ast: Node;
  readonly #lineStarts: number[] = [0];

  constructor(path: string, text: string) {
    this.path = path;
    this.text = text;
    this.ast = parseAst(text, { lang: 'ts' }) as unknown as Node;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#lineStarts.push(at + 1);
  }

  get isTest(): boolean {
    return this.path.endsWith('.test.ts');
  }

  get lines(): number {
    return this.#lineStarts.length - (this.text.endsWith('\n') ? 1 : 0);
  }

  lineOf(offset: number): number {
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  }

  imports(): Import[] {
    const found: Import[] = [];
    walk(this.ast, (node) => {
      const source = node.source as Node | null | undefined;
      const isImport = /^(ImportDeclaration|ExportNamedDeclaration|ExportAllDeclaration)$/.test(node.type);
      if (isImport && source) {
        const kind = node.importKind ?? node.exportKind;
        const names = (node.specifiers ?? []) as readonly Node[];
        const allTypes = names.length > 0 && names.every((name) => (name.importKind ?? name.exportKind) === 'type');
        found.push(this.#import(source, { typeOnly: kind === 'type' || allTypes, dynamic: false }));
      }
      if (node.type === 'ImportExpression' && source?.type === 'Literal') {
        found.push(this.#import(source, { typeOnly: false, dynamic: true }));
      }
      const argument = (node.source ?? node.argument) as Node | undefined;
      if (node.type === 'TSImportType' && argument !== undefined) {
        const literal = argument.type === 'TSLiteralType' ? (argument.literal as Node) : argument;
        found.push(this.#import(literal, { typeOnly: true, dynamic: false }));
      }
    });
    return found;
  }

  #import(source: Node, kind: { typeOnly: boolean; dynamic: boolean }): Import {
    const specifier = String(source.value);
    const external = !specifier.startsWith('.');
    const target = external
      ? specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
      : posix.join(posix.dirname(this.path), specifier);
    return { specifier, target, external, line: this.lineOf(source.start), ...kind };
  }
}

/** Visits every node below and including `node`, with its ancestors, nearest last. */
export function walk(
  node: Node,
  visit: (node: Node, ancestors: readonly Node[]) => void,
  ancestors: Node[] = [],
): void {
  visit(node, ancestors);
  ancestors.push(node);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) walk(child, visit, ancestors);
    }
  }
  ancestors.pop();
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';
}

const ROOTS = ['src', 'connectors', 'demo', 'bench', 'test', 'examples'];

/** Every `.ts` file below the source folders of `root`, in order of path. */
export function sourceFiles(root: string): SourceFile[] {
  return ROOTS.flatMap((folder) => tsFiles(root, folder))
    .sort()
    .map((path) => new SourceFile(path, readFileSync(join(root, path), 'utf8')));
}

function tsFiles(root: string, folder: string): string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !/(^|\/)(data|vectors|node_modules)\//.test(path));
}
