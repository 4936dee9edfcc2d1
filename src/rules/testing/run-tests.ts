/** Runs the tests of a pipeline file: changes through the rules of source, pipeline and sink, and what comes out compared. */
import { TailraceError } from '../../contracts/errors.ts';
import type { PipelinePlan, SinkPlan, SourcePlan } from '../../contracts/plan.ts';
import type { Change } from '../../contracts/row.ts';
import type { GivenChange, RuleTest, RuleTestReport, RuleTestResult, TestFailure } from '../../contracts/rule-tests.ts';
import { keyColumns, type TableSchema } from '../../contracts/schema.ts';
import { quoted } from '../../lib/printable.ts';
import { compileSteps } from '../compile.ts';
import { Coverage } from './coverage.ts';
import { compareOutcomes, type Outcome } from './outcomes.ts';
import { json, rowOf, sameTable, TestProblem, tableOf } from './test-tables.ts';

/** 2024-01-01, when every change of a test was committed. */
const COMMITTED_US = 1_704_067_200_000_000;

/** See `RunRuleTests` of the contracts. */
export function runRuleTests(
  pipeline: PipelinePlan,
  tests: readonly RuleTest[],
  maskKey: string | null,
): RuleTestReport {
  const coverage = new Coverage(pipeline, maskKey);
  const results = tests.map((test) => new TestRun(pipeline, test, maskKey, coverage).result());
  return { results, steps: coverage.steps, untested: coverage.untested() };
}

class TestRun {
  readonly #pipeline: PipelinePlan;
  readonly #test: RuleTest;
  readonly #maskKey: string | null;
  readonly #coverage: Coverage;
  readonly #outcomes = new Map<string, Outcome[]>();
  readonly #tables = new Map<string, TableSchema>();

  constructor(pipeline: PipelinePlan, test: RuleTest, maskKey: string | null, coverage: Coverage) {
    this.#pipeline = pipeline;
    this.#test = test;
    this.#maskKey = maskKey;
    this.#coverage = coverage;
  }

  result(): RuleTestResult {
    const { name, path } = this.#test;
    return { name, path, failures: this.#failures() };
  }

  #failures(): readonly TestFailure[] {
    try {
      const unknown = [...this.#test.expect.keys()].find(
        (name) => !this.#pipeline.sinks.some((sink) => sink.name === name),
      );
      if (unknown !== undefined) {
        const names = this.#pipeline.sinks.map((sink) => sink.name).join(', ');
        const message = `there is no sink ${quoted(unknown)}; there are ${names}`;
        throw new TestProblem(message, [...this.#test.path, 'expect', unknown]);
      }
      for (const [i, given] of this.#test.given.entries()) this.#feed(given, BigInt(i + 1));
      return [...this.#test.expect].flatMap(([sink, expected]) =>
        compareOutcomes(sink, expected, this.#outcomes.get(sink) ?? [], [...this.#test.path, 'expect', sink]),
      );
    } catch (error) {
      if (!(error instanceof TestProblem)) throw error;
      return [{ message: error.message, path: error.path }];
    }
  }

  #feed(given: GivenChange, version: bigint): void {
    const { source, name } = this.#sourceOf(given);
    const table = this.#tables.get(name) ?? tableOf(this.#test, source.name, name);
    this.#tables.set(name, table);
    const change = changeOf(given, table, version);
    this.#coverage.see(source.transform, table, [change]);
    const captured = this.#through(source.transform, table, [change]);
    const takers = this.#pipeline.sinks.filter((sink) => takes(sink, name));
    if (captured instanceof TailraceError) {
      for (const sink of takers) this.#note(sink, { refused: captured.message });
      return;
    }
    for (const sink of takers) this.#deliver(sink, captured);
  }

  #deliver(sink: SinkPlan, captured: readonly Change[]): void {
    for (const change of captured) {
      const steps = [...this.#pipeline.transform, ...sink.transform];
      this.#coverage.see(steps, change.table, [change]);
      const delivered = this.#through(steps, change.table, [change]);
      if (delivered instanceof TailraceError) this.#note(sink, { refused: delivered.message });
      else for (const one of delivered) if (one.dropped !== true) this.#note(sink, { change: one });
    }
  }

  /** What comes out, or why a rule refused a change. */
  #through(
    steps: PipelinePlan['transform'],
    table: TableSchema,
    changes: readonly Change[],
  ): readonly Change[] | TailraceError {
    try {
      const transform = compileSteps(steps, table, this.#maskKey);
      return changes.flatMap((change) => transform.apply(change));
    } catch (error) {
      if (!(error instanceof TailraceError)) throw error;
      if (error.code === 'rule.failed') return error;
      throw new TestProblem(error.message, this.#test.path);
    }
  }

  #note(sink: SinkPlan, outcome: Outcome): void {
    const known = this.#outcomes.get(sink.name);
    if (known === undefined) this.#outcomes.set(sink.name, [outcome]);
    else known.push(outcome);
  }

  /** The source that captures the table, and its whole name. */
  #sourceOf({ table, path, op }: GivenChange): { readonly source: SourcePlan; readonly name: string } {
    for (const source of this.#pipeline.sources) {
      const name = source.tables.find((known) => sameTable(known, table));
      if (name !== undefined) return { source, name };
    }
    const [first] = this.#pipeline.sources;
    const isPattern = this.#pipeline.sources.some(({ tables }) => tables.some((name) => name.includes('*')));
    if (first !== undefined && isPattern && table.includes('.')) return { source: first, name: table };
    const message = `no source of this pipeline captures the table ${quoted(table)}`;
    throw new TestProblem(message, [...path, op]);
  }
}

function takes({ from }: SinkPlan, table: string): boolean {
  return from === null || from.some((name) => sameTable(name, table));
}

function changeOf({ op, before, after, path }: GivenChange, table: TableSchema, version: bigint): Change {
  const rows = {
    before: before === null ? null : rowOf(table, before, [...path, 'before']),
    after: after === null ? null : rowOf(table, after, [...path, 'after']),
  };
  const identity = (op === 'delete' ? rows.before : rows.after) ?? rows.before ?? rows.after;
  const parts = keyColumns(table).map((column) => {
    const at = table.columns.indexOf(column);
    const value = identity?.get(at);
    if (value === undefined || value === null || typeof value === 'symbol') {
      throw new TestProblem(`the row has no value in its key column ${quoted(column.name)}`, path);
    }
    return `${JSON.stringify(column.name)}:${json(column, value)}`;
  });
  const key = `{${parts.join(',')}}`;
  return { op, table, version, timeUs: COMMITTED_US, key, ...rows, position: '0/0', transaction: '' };
}
