/** Asks the target which of the source's own type names it knows with the same meaning. */
import type { ClientBase } from 'pg';
import type { Column } from '../../src/sdk/index.ts';
import { refusesStatement } from './sink-errors.ts';
import { isPlainTypeName, meansKind, typeOfKind } from './sink-types.ts';

export interface WantedType {
  /** For CREATE and ALTER TABLE. */
  readonly ddl: string;
  /** The same as format_type writes it, modifiers after the name. */
  readonly canonical: string;
}

/** An enum's labels are the source's business: targets keep them as text. */
const RESOLVE_SQL = `
  SELECT q.native, format_type(t.oid, NULL) AS name, t.typtype = 'e' OR coalesce(e.typtype = 'e', false) AS enumerated
  FROM unnest($1::text[]) AS q(native) JOIN pg_type t ON t.oid = to_regtype(q.native)
  LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'`;

interface KnownType {
  readonly native: string;
  readonly name: string;
  readonly enumerated: boolean;
}

export class TypeResolver {
  readonly #client: ClientBase;
  readonly #known = new Map<string, KnownType | null>();

  constructor(client: ClientBase) {
    this.#client = client;
  }

  /** By column name. Runs inside the open transaction. */
  async resolve(columns: readonly Column[]): Promise<ReadonlyMap<string, WantedType>> {
    const asked = columns.map(({ native }) => native).filter((n) => isPlainTypeName(n) && !this.#known.has(n));
    await this.#ask([...new Set(asked)]);
    return new Map(columns.map((column) => [column.name, this.#wanted(column)]));
  }

  #wanted(column: Column): WantedType {
    const { native } = column;
    const type = column.kind === 'enum' || column.element === 'enum' ? null : this.#known.get(native);
    if (type === null || type === undefined || type.enumerated || !meansKind(type.name, column)) {
      const ddl = typeOfKind(column);
      return { ddl, canonical: ddl };
    }
    const modifiers = /\([-\d, ]+\)/.exec(native)?.[0] ?? '';
    return { ddl: native, canonical: type.name.replace(/(\[\])*$/, `${modifiers}$&`) };
  }

  /** Before version 16 to_regtype throws on what is no type name at all: then they are asked one by one. */
  async #ask(natives: readonly string[]): Promise<void> {
    if (natives.length === 0) return;
    await this.#client.query('SAVEPOINT tr_type');
    try {
      const { rows } = await this.#client.query<KnownType>(RESOLVE_SQL, [natives]);
      for (const native of natives) this.#known.set(native, rows.find((row) => row.native === native) ?? null);
      await this.#client.query('RELEASE SAVEPOINT tr_type');
    } catch (error) {
      if (!refusesStatement(error)) throw error;
      await this.#client.query('ROLLBACK TO SAVEPOINT tr_type');
      if (natives.length === 1) this.#known.set(natives[0]!, null);
      else for (const native of natives) await this.#ask([native]);
    }
  }
}
