/** Tables that `route` sends rows to, held against those that stand there already: two would write one place. */
import type { Problem, StepSource } from '../contracts/rules.ts';
import type { TableDescription } from '../contracts/schema.ts';
import { quoted } from '../lib/printable.ts';
import type { Stage } from './stage.ts';

interface Routed {
  readonly from: string;
  readonly to: string;
  readonly path: readonly (string | number)[];
}

/** Of one way to a target. */
interface Way {
  readonly tables: Set<string>;
  readonly routed: Routed[];
}

export class RoutedTables {
  readonly #ways = new Map<string, Way>();

  /** A table and the steps that it goes through: a way is as its steps. */
  add(steps: readonly StepSource[], { schema, table }: TableDescription, routes: Stage['routes']): void {
    const name = JSON.stringify(steps.map(({ path }) => path));
    const way = this.#ways.get(name) ?? { tables: new Set(), routed: [] };
    this.#ways.set(name, way);
    way.tables.add(`${schema}.${table}`);
    for (const { table: to, path } of routes)
      way.routed.push({ from: `${schema}.${table}`, to: `${schema}.${to}`, path });
  }

  *problems(): Generator<Problem> {
    for (const { tables, routed } of this.#ways.values()) {
      for (const { from, to, path } of routed) {
        const other = to !== from && (tables.has(to) || routed.some((one) => one.to === to && one.from !== from));
        if (!other) continue;
        const message = `rows of ${quoted(from)} would go where those of ${tables.has(to) ? quoted(to) : 'another table'} go`;
        yield { level: 'error', code: 'shared-target', message, path, onKey: true, fix: 'choose another name' };
      }
    }
  }
}
