/** What a step is, and what it works with. */
import type { Problem, StepSource } from '../../contracts/rules.ts';
import { didYouMean } from '../../lib/did-you-mean.ts';
import { quoted } from '../../lib/printable.ts';
import { type CompiledExpression, compileExpression } from '../expression/compile.ts';
import type { ExpressionProblem } from '../expression/problem.ts';
import type { Stage, StageColumn } from '../stage.ts';

export interface Step {
  readonly verb: string;
  readonly summary: string;
  /** As in a file, without the leading dash. */
  readonly example: string;
  /** Its argument is the path of a file, which comes here absolute. */
  readonly takesFile?: true;
  /** Changes the stage, or reports why it cannot. Called once per table version, and once without a table. */
  readonly apply: (use: StepUse) => void;
}

export interface ProblemPlace {
  /** Below the step's own argument. */
  readonly at?: readonly (string | number)[];
  readonly onKey?: boolean;
  readonly fix?: string | undefined;
}

/** One use of a step in a file. */
export class StepUse {
  readonly stage: Stage;
  readonly config: unknown;
  /** Undefined: not known here, do not judge. Null: none is set. */
  readonly maskKey: string | null | undefined;
  readonly #source: StepSource;
  readonly #above: readonly StepSource[];

  /** @param above the steps before it */
  constructor(source: StepSource, stage: Stage, maskKey: string | null | undefined, above: readonly StepSource[] = []) {
    this.#above = above;
    this.stage = stage;
    this.config = source.config;
    this.maskKey = maskKey;
    this.#source = source;
  }

  /** For messages: which step failed. @param column the one it computes, if it computes one */
  label(column?: string): string {
    const { verb, path } = this.#source;
    const place = path
      .map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? part : `.${part}`))
      .join('');
    return column === undefined ? `${verb} at ${place}` : `${verb} of ${quoted(column)} at ${place}`;
  }

  problem(code: string, message: string, { at = [], onKey = false, fix }: ProblemPlace = {}): void {
    this.stage.problems.push({
      level: 'error',
      code,
      message,
      path: this.#path(at),
      ...(onKey && { onKey }),
      ...(fix !== undefined && { fix }),
    });
  }

  warning(code: string, message: string, place: ProblemPlace = {}): void {
    this.problem(code, message, place);
    const problem = this.stage.problems.pop()!;
    this.stage.problems.push({ ...problem, level: 'warning' });
  }

  #path(at: readonly (string | number)[]): (string | number)[] {
    const { path, verb } = this.#source;
    return [...path, verb, ...at];
  }

  /**
   * The column of this name. Undefined when there is none: reported as an error when an earlier step took it away, else noted
   * as absent, for a step above several tables may name a column that only some of them have.
   */
  column(name: string, place: ProblemPlace): StageColumn | undefined {
    const found = this.stage.column(name);
    if (found !== undefined) return found;
    const gone = this.stage.gone(name);
    if (gone !== undefined) this.problem('unknown-column', `column ${quoted(name)} ${gone}`, place);
    else this.#absent(unknownColumn(this, name, place));
    return undefined;
  }

  #absent(problem: Problem): void {
    this.stage.absences.push({ problem, path: this.#source.path });
  }

  /** The step is not about this table: a problem when it is about none. */
  elsewhere(code: string, message: string, { at = [] }: ProblemPlace): void {
    this.#absent({ level: 'error', code, message, path: this.#path(at) });
  }

  /** An absent column in a place where it must not be. */
  missing(name: string, place: ProblemPlace): void {
    const gone = this.stage.gone(name);
    if (gone !== undefined) this.problem('unknown-column', `column ${quoted(name)} ${gone}`, place);
    else this.stage.problems.push(unknownColumn(this, name, place));
  }

  get verb(): string {
    return this.#source.verb;
  }

  /** Another table as it stands here; null: not known. */
  other(name: string): Stage | null {
    return this.stage.others?.(name, this.#above) ?? null;
  }

  pathOf(at: readonly (string | number)[]): readonly (string | number)[] {
    return this.#path(at);
  }

  /** Compiles an expression and reports what is wrong with it. Null: it cannot be used. */
  expression(text: string, at: readonly (string | number)[]): CompiledExpression | null {
    const compiled = compileExpression(text, this.stage);
    this.stage.problems.push(...compiled.problems.map((problem) => this.#located(problem, at)));
    return compiled.problems.length === 0 ? compiled : null;
  }

  /**
   * As `expression`; but when the table has none of the columns that the expression names, the step is not about this
   * table: they are noted as absent.
   */
  expressionIfAbout(text: string, at: readonly (string | number)[]): CompiledExpression | null {
    const compiled = compileExpression(text, this.stage);
    const { problems, columns } = compiled;
    const absent = problems.filter((problem) => problem.absent !== undefined);
    if (absent.length > 0 && columns.size === 0) {
      for (const problem of absent) this.#absent(this.#located(problem, at));
      return null;
    }
    this.stage.problems.push(...problems.map((problem) => this.#located(problem, at)));
    return problems.length === 0 ? compiled : null;
  }

  /**
   * Reports columns of the expression that may be not sent: all of them, or those that stand beside others, whose change leaves
   * the result unknown.
   */
  judgeUnsent({ columns }: CompiledExpression, which: 'all' | 'mixed', at: readonly (string | number)[]): void {
    const { stage } = this;
    if (!stage.judgesUnsent) return;
    const used = [...columns] as StageColumn[];
    const unsent = used.filter((column) => stage.isUnsent(column));
    if (unsent.length === 0 || (which === 'mixed' && unsent.length === used.length)) return;
    const message = `updates may come without column ${quoted(unsent[0]!.name)}: what this makes of them is not known`;
    this.problem('unsent-column', message, {
      at,
      fix: 'have the source fill in what updates leave out (toast: store)',
    });
  }

  #located({ code, message, offset, length, fix }: ExpressionProblem, at: readonly (string | number)[]): Problem {
    return { level: 'error', code, message, path: this.#path(at), offset, length, ...(fix !== undefined && { fix }) };
  }
}

/** Reports a step that stands behind the log. @param why it must not */
export function judgeBeforeLog(use: StepUse, why: string): void {
  const kind = use.pathOf([])[0];
  if (kind === 'source' || kind === 'sources') return;
  use.problem('step-place', why, { onKey: true, fix: 'put it under transform: of the source' });
}

function unknownColumn(use: StepUse, name: string, { at = [], onKey = false, fix }: ProblemPlace): Problem {
  const hint = fix ?? didYouMean(name, use.stage.names());
  return {
    level: 'error',
    code: 'unknown-column',
    message: `there is no column ${quoted(name)}`,
    path: use.pathOf(at),
    ...(onKey && { onKey }),
    ...(hint !== undefined && { fix: hint }),
  };
}
