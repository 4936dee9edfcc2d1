/** Changes of the kit as SQL statements with parameters. */
import type { SourceChange } from '../../../src/testkit/index.ts';

export interface Statement {
  readonly sql: string;
  readonly values: readonly (string | null)[];
}

/** @param place of a parameter, from 1 */
export function statementOf(table: string, change: SourceChange, place: (n: number) => string): Statement {
  const { op, id, newId = id, a = null, b = null } = change;
  const [one, two, three, four] = [1, 2, 3, 4].map(place);
  switch (op) {
    case 'insert':
      return { sql: `INSERT INTO ${table} (id, a, b) VALUES (${one}, ${two}, ${three})`, values: [id, a, b] };
    case 'update':
      return {
        sql: `UPDATE ${table} SET id = ${one}, a = ${two}, b = ${three} WHERE id = ${four}`,
        values: [newId, a, b, id],
      };
    case 'delete':
      return { sql: `DELETE FROM ${table} WHERE id = ${one}`, values: [id] };
  }
}
