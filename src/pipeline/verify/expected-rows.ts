/** What a sink should hold of a row of the source: the rules of its whole way, applied to the row. */
import { classOf } from '../../contracts/errors.ts';
import type { Change } from '../../contracts/row.ts';
import type { RowTransform, Rules, RulesContext, StepSource } from '../../contracts/rules.ts';
import type { TableDescription, TableSchema } from '../../contracts/schema.ts';
import { canonicalSchema, schemaIdOf } from '../../lib/schema-id.ts';
import { isSplit } from '../split-tables.ts';
import { identityOf } from './row-identity.ts';

export interface Way {
  /** Steps before the log. */
  readonly source: readonly StepSource[];
  /** Steps after it. */
  readonly sink: readonly StepSource[];
}

export interface ExpectedRow {
  /** As the source names the row. */
  readonly sourceKey: string;
  /** As its records in the log do. */
  readonly logKey: string;
  /** As the target does. */
  readonly sinkKey: string;
  /** Null: a filter refuses it, the target holds nothing. */
  readonly row: Change | null;
}

export class ExpectedRows {
  readonly #rules: Rules;
  readonly #context: RulesContext;
  readonly #way: Way;
  readonly #compiled = new Map<string, { readonly toLog: RowTransform; readonly toSink: RowTransform }>();
  /** A rule makes another key of some row: rows of the target cannot be looked up at the source. */
  changesKeys = false;

  constructor(rules: Rules, context: RulesContext, way: Way) {
    this.#rules = rules;
    this.#context = context;
    this.#way = way;
  }

  /** Steps make several rows of one, each with a longer key: what the target has cannot be told from single rows. */
  splits(description: TableDescription): boolean {
    return isSplit(this.targetOf(description), description);
  }

  /** Its rows are rows of several tables in the target. */
  routes(description: TableDescription): boolean {
    return this.#of({ ...description, id: schemaIdOf(canonicalSchema(description)) }).toSink.routes === true;
  }

  /** None of the rows is in the log. */
  areMessages(description: TableDescription): boolean {
    return this.#of({ ...description, id: schemaIdOf(canonicalSchema(description)) }).toLog.messages !== undefined;
  }

  /** The table as the target has it. */
  target(table: TableSchema): TableSchema {
    return this.#of(table).toSink.output;
  }

  /** The same of a table of which no row was read. */
  targetOf(description: TableDescription): TableSchema {
    return this.target({ ...description, id: schemaIdOf(canonicalSchema(description)) });
  }

  /** Undefined where a rule fails: it is not known what the target should hold. */
  of(change: Change): ExpectedRow | undefined {
    const { toLog, toSink } = this.#of(change.table);
    try {
      const logKey = this.#way.source.length === 0 ? change.key : toLog.apply(change)[0]!.key;
      const [passed] = toSink.apply(change);
      const sinkKey = passed!.key;
      if (identityOf(sinkKey) !== identityOf(change.key)) this.changesKeys = true;
      return { sourceKey: change.key, logKey, sinkKey, row: passed!.after === null ? null : passed! };
    } catch (error) {
      if (classOf(error) !== 'poison') throw error;
      return undefined;
    }
  }

  #of(table: TableSchema) {
    let compiled = this.#compiled.get(table.id);
    if (compiled === undefined) {
      const { source, sink } = this.#way;
      compiled = {
        toLog: this.#rules.compile(source, table, this.#context),
        toSink: this.#rules.compile([...source, ...sink], table, this.#context),
      };
      this.#compiled.set(table.id, compiled);
    }
    return compiled;
  }
}
