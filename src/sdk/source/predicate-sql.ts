/** Predicates as SQL: what all databases share. What each of them compares as the rules do, its dialect says. */
import type {
  FilterCondition,
  Predicate,
  PredicateColumn,
  PredicateOperator,
  PredicateValue,
} from '../../contracts/predicate.ts';

/** The end of a sentence: `note has the type citext`. */
export interface Hindrance {
  readonly hindrance: string;
}

export type SqlOr<T> = T | Hindrance;

/** A column that the database compares with values as the rules do. */
export interface ComparableColumn {
  /** What stands for it on either side of an operator. */
  readonly sql: string;
  /** Columns of one group compare with each other as well; null: with none. */
  readonly group: string | null;
  /** Only equality is the same. */
  readonly isUnordered: boolean;
  literal(value: PredicateValue): SqlOr<string>;
}

export interface PredicateDialect {
  /** `IN` is what the equalities are that it stands for, whatever the types of its values. */
  readonly hasExactIn: boolean;
  comparable(column: PredicateColumn): SqlOr<ComparableColumn>;
  /** True for NULL only. */
  isNull(column: PredicateColumn): SqlOr<string>;
  /** A condition: the column is true. */
  truth(column: PredicateColumn): SqlOr<string>;
}

export const isHindrance = (found: string | object): found is Hindrance =>
  typeof found === 'object' && 'hindrance' in found;

/** In parentheses. The same three truth values as by the rules, and no errors. */
export function predicateSql(predicate: Predicate, dialect: PredicateDialect): SqlOr<string> {
  switch (predicate.kind) {
    case 'and':
    case 'or':
      return joined(
        predicate.operands.map((operand) => predicateSql(operand, dialect)),
        ` ${predicate.kind.toUpperCase()} `,
      );
    case 'not':
      return wrapped(predicateSql(predicate.operand, dialect), 'NOT ', '');
    case 'is':
      return wrapped(predicateSql(predicate.operand, dialect), '', ` IS ${predicate.what.toUpperCase()}`);
    case 'truth':
      return wrapped(dialect.truth(predicate.column), '', '');
    case 'null':
      return wrapped(dialect.isNull(predicate.column), '', '');
    case 'in':
      return dialect.hasExactIn
        ? oneOf(predicate.column, predicate.values, dialect)
        : joined(
            predicate.values.map((value) => compared('=', predicate.column, value, dialect)),
            ' OR ',
          );
    case 'compare':
      return compared(predicate.operator, predicate.left, predicate.right, dialect);
  }
}

function compared(
  operator: PredicateOperator,
  left: PredicateColumn,
  right: PredicateColumn | PredicateValue,
  dialect: PredicateDialect,
): SqlOr<string> {
  const column = dialect.comparable(left);
  if (isHindrance(column)) return column;
  if (column.isUnordered && operator !== '=' && operator !== '<>') {
    return { hindrance: `the order of ${left.column} is the database's own` };
  }
  if (!('column' in right)) return wrapped(column.literal(right), `${column.sql} ${operator} `, '');
  const other = dialect.comparable(right);
  if (isHindrance(other)) return other;
  const isOne = column.group !== null && column.group === other.group;
  if (!isOne) return { hindrance: `${left.column} and ${right.column} are compared as the database does it` };
  return `(${column.sql} ${operator} ${other.sql})`;
}

function oneOf(left: PredicateColumn, values: readonly PredicateValue[], dialect: PredicateDialect): SqlOr<string> {
  const column = dialect.comparable(left);
  if (isHindrance(column)) return column;
  return wrapped(
    joined(
      values.map((value) => column.literal(value)),
      ', ',
    ),
    `${column.sql} IN `,
    '',
  );
}

function joined(parts: readonly SqlOr<string>[], between: string): SqlOr<string> {
  const hindrance = parts.find(isHindrance);
  return hindrance ?? `(${parts.join(between)})`;
}

const wrapped = (sql: SqlOr<string>, before: string, after: string): SqlOr<string> =>
  isHindrance(sql) ? sql : `(${before}${sql}${after})`;

/** What of a table's filters a database can ask. */
export interface TableFilterSql {
  /** Conditions that are to be joined with AND. */
  readonly sql: readonly string[];
  /** In the order of the conditions: null, or why it is not asked there. */
  readonly hindrances: readonly (string | null)[];
}

export function filterSql(conditions: readonly FilterCondition[], dialect: PredicateDialect): TableFilterSql {
  const found = conditions.map((one) => ('hindrance' in one ? one : predicateSql(one.predicate, dialect)));
  return {
    sql: found.filter((one): one is string => !isHindrance(one)),
    hindrances: found.map((one) => (isHindrance(one) ? one.hindrance : null)),
  };
}
