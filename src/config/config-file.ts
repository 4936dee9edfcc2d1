/** One configuration file: its text, its tree and what is wrong with it. */
import type { Problem } from '../contracts/rules.ts';
import { nearest } from '../lib/did-you-mean.ts';
import { printable } from '../lib/printable.ts';
import { codeFrame } from './code-frame.ts';
import { sourceOffset } from './scalar-offsets.ts';
import { masked, type Redact, redactor, secretRanges, secretsOfScalar } from './secrets.ts';
import { type Range, SourceText, withoutComments } from './source-text.ts';
import { type MapEntry, nodeAt, type Path, type ScalarNode, scalars, type TreeNode } from './tree.ts';
import { resolveVariables, type VariableSource } from './variables.ts';
import { type Complaint, parseYaml } from './yaml-document.ts';

const MAX_PROBLEMS = 100;
const QUOTE = 'put quotes around the value';

/** A problem with its place in a file. */
export interface PlacedProblem {
  readonly level: 'error' | 'warning';
  /** Stable, kebab-case. */
  readonly code: string;
  readonly message: string;
  /** What to write instead. */
  readonly fix?: string;
  /** As the user named it, relative to the working directory. */
  readonly file: string;
  /** From 1; columns in UTF-16 code units. */
  readonly line: number;
  readonly column: number;
  /** Lines to show; empty when there is no text to show. */
  readonly frame: readonly string[];
}

/** A variable of a file. */
export interface UsedVariable {
  /** Of the variable, or path of the file. */
  readonly name: string;
  readonly from: 'environment' | 'secret file';
  /** It has no value, and no default. */
  readonly isMissing: boolean;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface ConfigFileOptions {
  /** As shown to the user. */
  readonly name: string;
  readonly text: string;
  readonly variables: VariableSource;
  /** Names of fields that are secret: their values are not shown even when the file cannot be parsed. */
  readonly secretKeys: readonly string[];
}

export class ConfigFile {
  /** As shown to the user. */
  readonly name: string;
  /** Null when the file is empty or cannot be understood. */
  readonly root: TreeNode | null;
  readonly #source: SourceText;
  readonly #secret: Range[];
  readonly #secretTexts: string[] = [];
  readonly #unshown: Range[] = [];
  readonly #complaints: Complaint[];

  constructor({ name, text, variables, secretKeys }: ConfigFileOptions) {
    this.name = printable(name);
    this.#source = new SourceText(this.name, text);
    this.#secret = secretRanges(text, secretKeys);
    const parsed = parseYaml(text);
    this.#complaints = [...parsed.complaints];
    this.root = parsed.root === null ? null : this.#resolve(parsed.root, variables);
  }

  get hasErrors(): boolean {
    return this.#complaints.some(({ level }) => level !== 'warning');
  }

  /** So many problems that no more are taken. */
  get isFull(): boolean {
    return this.#complaints.length > MAX_PROBLEMS;
  }

  /** In order of place; of very many only the first that were found. */
  get problems(): readonly PlacedProblem[] {
    const redact = this.#redact();
    const found = this.#complaints.slice(0, MAX_PROBLEMS).sort((a, b) => a.range[0] - b.range[0]);
    const shown = found.map((complaint) => this.#placed(complaint, redact));
    if (!this.isFull) return shown;
    const message = 'there are more problems in this file';
    const { file, line, column } = shown.at(-1)!;
    return [...shown, { level: 'error', code: 'more-problems', message, file, line, column, frame: [] }];
  }

  /** Adds a problem that is described by its path in the file. */
  report(problem: Problem): void {
    if (!this.isFull) this.#complaints.push(this.#complaint(problem));
  }

  /** The same without adding it. */
  place(problem: Problem): PlacedProblem {
    return this.#placed(this.#complaint(problem), this.#redact());
  }

  /**
   * The whole text for others to read: secrets masked as in frames, comments taken out, which may say anything. Null with an
   * error: what is a secret in the file is not known then (Invariant 12).
   */
  get publicText(): string | null {
    if (this.hasErrors) return null;
    return withoutComments(this.#redact()(masked(this.#source.text, [...this.#secret, ...this.#unshown])));
  }

  /** Keeps a secret field's value out of every frame and message (Invariant 12). */
  hide(path: Path): void {
    this.#secret.push(...this.#secretsAt(path));
    const node = this.root === null ? undefined : nodeAt(this.root, path);
    if (node?.kind === 'scalar' && node.resolution === null) this.#secretTexts.push(node.text);
  }

  /** Keeps out of frames what may be a secret, because nothing is known of its field. */
  hideUnknown(path: Path): void {
    this.#unshown.push(...this.#secretsAt(path));
  }

  /** Its variables, in order, with what became of them. Never their values (Invariant 12). */
  variables(): UsedVariable[] {
    const nodes = this.root === null ? [] : [...scalars(this.root)].map(([node]) => node);
    return nodes.flatMap((node) =>
      (node.resolution?.uses ?? []).map(({ written, at }) => {
        const { line, column } = this.#source.position(this.#offset(node, at));
        const [, kind, name = ''] = /^\$\{(file:)?([^}:]*)/.exec(written) ?? [];
        const isMissing = node.resolution!.problems.some(({ from }) => from === at);
        const from = kind === undefined ? ('environment' as const) : ('secret file' as const);
        return { name: printable(name), from, isMissing, file: this.name, line, column };
      }),
    );
  }

  /** True when nothing can be said about the value at a path: it was refused, or a variable in it is missing. */
  isUnresolved(path: Path): boolean {
    const node = this.root === null ? undefined : nodeAt(this.root, path);
    return node?.kind === 'scalar' && isUnresolved(node);
  }

  /** True when that is so for any value at or below a path. */
  hasUnresolved(path: Path): boolean {
    const node = this.root === null ? undefined : nodeAt(this.root, path);
    return node !== undefined && [...scalars(node)].some(([scalar]) => isUnresolved(scalar));
  }

  /** True when a key that nobody knows stands in the map at a path and is near to `key`. */
  isMisspelt(key: string, path: Path, known: readonly string[]): boolean {
    const node = this.root === null ? undefined : nodeAt(this.root, path);
    if (node?.kind !== 'map') return false;
    return node.entries
      .slice(0, MAX_PROBLEMS)
      .some((entry) => !known.includes(entry.key) && nearest(entry.key, known) === key);
  }

  line(path: Path): number {
    return this.#source.position(this.#rangeAt(path)[0]).line;
  }

  #secretsAt(path: Path): Range[] {
    const node = this.root === null ? undefined : nodeAt(this.root, path);
    return [...(node === undefined ? [] : scalars(node))].flatMap(
      ([
        {
          range: [from, to],
        },
      ]) => secretsOfScalar(this.#source.text.slice(from, to), from),
    );
  }

  #resolve(node: TreeNode, variables: VariableSource): TreeNode {
    if (node.kind === 'list') return { ...node, items: node.items.map((item) => this.#resolve(item, variables)) };
    if (node.kind === 'map') {
      const entries = node.entries.map((entry) => ({ ...entry, value: this.#resolve(entry.value, variables) }));
      for (const { key, keyRange } of entries) if (key.includes('${')) this.#refuseVariableKey(keyRange);
      return { ...node, entries };
    }
    if (typeof node.value !== 'string') return node;
    const resolution = resolveVariables(node.text, variables);
    for (const { from, to, ...words } of resolution?.problems ?? []) {
      if (this.isFull) break;
      this.#complaints.push({ ...words, range: [this.#offset(node, from), this.#offset(node, to)] });
    }
    return resolution === null ? node : { ...node, resolution };
  }

  #refuseVariableKey(range: Range): void {
    const message = 'variables are resolved in values, not in keys';
    this.#complaints.push({ code: 'variable-key', message, fix: 'write the key out', range });
  }

  #offset(node: ScalarNode, offset: number): number {
    return sourceOffset(this.#source.text, node, offset);
  }

  #complaint({ level, code, message, fix, path, onKey, offset, length }: Problem): Complaint {
    const words = fix === undefined ? { level, code, message } : { level, code, message, fix };
    const node = this.root === null ? undefined : nodeAt(this.root, path);
    if (node?.kind === 'scalar' && offset !== undefined && onKey !== true) {
      return this.#inside(node, offset, offset + Math.max(1, length ?? 1), words);
    }
    return { ...words, range: this.#rangeAt(path, onKey === true) };
  }

  /** A problem of a part of a scalar's value. What rules say of a variable's value quotes it: that is left out (Invariant 12). */
  #inside(node: ScalarNode, from: number, to: number, words: Omit<Complaint, 'range'>): Complaint {
    const place = (start: number, end: number): Range => {
      const at = this.#offset(node, start);
      return [at, Math.max(at + 1, this.#offset(node, end - 1) + 1)];
    };
    const variable = node.resolution?.variableIn(from, to) ?? null;
    if (variable !== null) {
      const { level, code } = words;
      const message = `the value of ${variable.written} does not fit here (${code})`;
      return { ...(level === undefined ? {} : { level }), code, message, range: place(variable.from, variable.to) };
    }
    const written = (at: number) => node.resolution?.written(at) ?? at;
    return { ...words, range: place(written(from), written(to - 1) + 1) };
  }

  /** A scalar's own place; of maps, lists and things without a value that of their key; of missing things the nearest above. */
  #rangeAt(path: Path, onKey = false): Range {
    if (this.root === null) return [0, 1];
    let range: Range = path.length === 0 ? this.#firstKey(this.root) : this.root.range;
    let node: TreeNode | undefined = this.root;
    for (const [depth, part] of path.entries()) {
      const entry: MapEntry | undefined =
        node.kind === 'map' ? node.entries.find(({ key }) => key === String(part)) : undefined;
      node = entry?.value ?? (node.kind === 'list' && typeof part === 'number' ? node.items[part] : undefined);
      if (node === undefined) return depth === 0 ? this.#firstKey(this.root) : range;
      const hasText = node.kind === 'scalar' && node.range[1] > node.range[0];
      const wantsKey = (onKey && depth === path.length - 1) || !hasText;
      range = entry !== undefined && wantsKey ? entry.keyRange : node.range;
    }
    return range;
  }

  #firstKey(node: TreeNode): Range {
    return node.kind === 'map' ? (node.entries[0]?.keyRange ?? node.range) : node.range;
  }

  #placed({ level = 'error', code, message, fix, range }: Complaint, redact: Redact): PlacedProblem {
    const { line, column } = this.#source.position(range[0]);
    const shownFix = fix === undefined ? undefined : printable(this.#quotesSecret(code, range) ? QUOTE : redact(fix));
    const frame =
      this.#source.text === ''
        ? []
        : codeFrame(this.#source, range, [...this.#secret, ...this.#unshown], shownFix ?? '');
    const words = { level, code, message: printable(redact(message)) };
    return { ...words, ...(shownFix === undefined ? {} : { fix: shownFix }), file: this.name, line, column, frame };
  }

  /** What to write instead of a value repeats it, in quotes and so not found by its text. */
  #quotesSecret(code: string, range: Range): boolean {
    return code === 'yaml-quote' && this.#secret.some(([from, to]) => from < range[1] && range[0] < to);
  }

  /** Rules quote the text of expressions, in which variables are resolved: their values are put back as written. */
  #redact(): Redact {
    const text = this.#source.text;
    const literals = this.#secret.flatMap(([from, to]): [string, string][] => {
      const literal = text.slice(from, to);
      return [literal, literal.replace(/^["']|["']$/g, '')].map((one) => [one, '***']);
    });
    for (const secret of this.#secretTexts) literals.push([secret, '***']);
    const nodes = this.root === null ? [] : [...scalars(this.root)];
    const variables = nodes.flatMap(([{ resolution }]) =>
      (resolution?.variables ?? []).map(([written, value]): [string, string] => [value, written]),
    );
    return redactor([...literals, ...variables]);
  }
}

function isUnresolved({ isUnknown, resolution }: ScalarNode): boolean {
  return isUnknown || (resolution?.problems.length ?? 0) > 0;
}
