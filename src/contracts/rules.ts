/** Transform steps: declared in YAML, compiled per table version. Pure and synchronous. */
import type { StepManifest } from './plugin.ts';
import type { FilterCondition } from './predicate.ts';
import type { Change } from './row.ts';
import type { TableDescription, TableSchema } from './schema.ts';
import type { StatefulStep } from './stateful-steps.ts';

/** One step as written: a single-key map. `path` locates it in the file, e.g. `['sinks', 'search', 'transform', 0]`. */
export interface StepSource {
  readonly verb: string;
  readonly config: unknown;
  readonly path: readonly (string | number)[];
}

/** A problem found in a file; config turns path (+ offset into that scalar) into file:line:col. */
export interface Problem {
  readonly level: 'error' | 'warning';
  /** Stable, kebab-case: `unknown-key`, `unknown-column`, `expression-syntax` … */
  readonly code: string;
  readonly message: string;
  readonly path: readonly (string | number)[];
  /** The place is the key, not the value, at `path`. */
  readonly onKey?: boolean;
  /** Character offset (and length) inside the scalar at `path`. */
  readonly offset?: number;
  readonly length?: number;
  /** What to write instead, e.g. `did you mean "index"?`. */
  readonly fix?: string;
}

export interface RulesContext {
  /** Key of `mask: hash` (HMAC-SHA-256). */
  readonly maskKey: string | null;
}

/** What a step makes of a row instead of a change of it: a record of a topic that is named by the row. */
export interface Message {
  /** Behind the name of the source; any characters. */
  readonly topic: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly { readonly key: string; readonly value: Uint8Array | null }[];
}

/** Steps compiled for one table version. */
export interface RowTransform {
  /** The table as it looks after the steps. Same id when nothing changed. */
  readonly output: TableSchema;
  /**
   * Zero, one or many changes. Markers pass. A row that a filter refuses becomes a delete of the same version.
   * Throws `rule.failed` when a step cannot be applied (unknown because not sent, cast failed).
   */
  apply(change: Change): readonly Change[];
  /**
   * Rows of this table become messages, before the log: zero, one or many of each change, while `apply` gives nothing. Throws as
   * `apply`. Absent: they stay rows.
   */
  messages?(change: Change): readonly Message[];
  /** Changes come out as changes of several tables, and a change of one row may be one of two. Absent: they do not. */
  readonly routes?: true;
}

/** The steps that a table goes through on one way (source, pipeline, sink), in their order. */
export interface TableRules {
  readonly steps: readonly StepSource[];
  readonly table: TableDescription;
  /** Tables that steps may look into, each as its source sends it, with the steps of that source. */
  readonly others?: readonly { readonly table: TableDescription; readonly steps: readonly StepSource[] }[];
  /** Rows come as the source sends them: what an update leaves out (`Column.unsent`) is not filled in. */
  readonly mayLackColumns?: boolean;
}

export interface Rules {
  readonly verbs: readonly string[];
  /** Takes a step that no other has the verb of. Absent: none is taken. */
  add?(step: StepManifest): void;
  /** Steps whose argument is the path of a file: they take it absolute. */
  readonly fileVerbs?: readonly string[];
  /** Of a step that looks at other rows: what it says, when nothing is wrong with it. Null: it is another step. */
  stateful?(step: StepSource): StatefulStep | null;
  /** Everything that is wrong without knowing the tables: verbs, arguments, expression syntax, unknown functions. */
  lint(steps: readonly StepSource[], context: RulesContext): readonly Problem[];
  /**
   * What is wrong for this table: unknown columns (with did-you-mean), type errors. A step above several tables may name
   * columns that only some of them have (`drop`, `mask`, `cast`, `rename`, `set`): that is no problem of this one.
   */
  lintTable(steps: readonly StepSource[], table: TableDescription): readonly Problem[];
  /** As `lintTable` over all tables and their ways, each problem once; and columns that a step names but none of its tables has. */
  lintTables(uses: readonly TableRules[]): readonly Problem[];
  compile(steps: readonly StepSource[], table: TableSchema, context: RulesContext): RowTransform;
  /** Whether what they make of a change is right only where they have seen the one before it. Absent: it never is. */
  needEveryChange?(steps: readonly StepSource[]): boolean;
  /**
   * The conditions that a filter joins with `and`, each as a filter of its own, in order; of other steps none. For telling
   * which of them dropped a row.
   */
  conditions(step: StepSource): readonly StepSource[];
  /** What the filters before any other step ask of each row of a table as its source sends it, for the source to ask itself. */
  sourceFilters(steps: readonly StepSource[], table: TableDescription): readonly FilterCondition[];
}
