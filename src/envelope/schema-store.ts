/** Schemas by id. Ids are hashes of the content, so an entry never changes. */
import type { SchemaStore } from '../contracts/envelope.ts';
import type { LogRecord } from '../contracts/log.ts';
import type { TableSchema } from '../contracts/schema.ts';
import { parseSchema } from './schema-record.ts';

export class MemorySchemaStore implements SchemaStore {
  readonly #schemas = new Map<string, TableSchema>();

  get(id: string): TableSchema | undefined {
    return this.#schemas.get(id);
  }

  add({ value }: LogRecord): void {
    if (value === null) return;
    const schema = parseSchema(value);
    if (!this.#schemas.has(schema.id)) this.#schemas.set(schema.id, schema);
  }
}
