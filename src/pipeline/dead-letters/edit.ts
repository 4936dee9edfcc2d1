/** Writes other values into the record of a dead letter. */

import type { Envelope, SchemaStore } from '../../contracts/envelope.ts';
import { TailraceError } from '../../contracts/errors.ts';
import type { Change } from '../../contracts/row.ts';
import type { Column, Kind } from '../../contracts/schema.ts';
import { parseExact } from '../../lib/exact-json.ts';
import { base64, bytesIn, type Entry } from './entry.ts';

/** Column → its value: `null`, JSON of a number, an array or a string, or the text itself. */
export type NewValues = Readonly<Record<string, string>>;

/** The entry with the new values on top of those of an earlier edit. Throws `dlq.invalid`. */
export function editedEntry(entry: Entry, values: NewValues, envelope: Envelope, schemas: SchemaStore): Entry {
  const record = bytesIn(entry);
  const change = decoded(entry, record.value, envelope, schemas);
  if (change?.after == null) throw invalid('it holds no row: a delete, or bytes that cannot be read');
  const parsed = parseExact(Buffer.from(record.value!).toString()) as { after: Record<string, unknown> };
  for (const [name, text] of Object.entries(values)) {
    const column = change.table.columns.find((one) => one.name === name);
    if (column === undefined) throw invalid(`its table has no column ${JSON.stringify(name)}`);
    if (column.keyOrdinal !== undefined) throw invalid(`${JSON.stringify(name)} is part of the key, which stays`);
    Object.defineProperty(parsed.after, name, {
      value: jsonOf(column, text),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  const edited = Buffer.from(JSON.stringify(parsed));
  if (decoded(entry, edited, envelope, schemas) === null) throw invalid('a new value does not fit its column');
  return { ...entry, edited: base64(edited) };
}

const NUMERIC: readonly Kind[] = ['bool', 'int16', 'int32', 'int64', 'uint64', 'float32', 'float64', 'array'];

/** As it stands in a record (DESIGN § 6): numbers and arrays as JSON, everything else as a string. */
function jsonOf({ name, kind }: Column, text: string): unknown {
  if (text === 'null') return null;
  try {
    if (NUMERIC.includes(kind) || /^".*"$/s.test(text)) return parseExact(text);
  } catch {
    throw invalid(`the new value of ${JSON.stringify(name)} is no ${kind}`);
  }
  return text;
}

/** Null when it cannot be decoded, every column included. */
function decoded(entry: Entry, value: Uint8Array | null, envelope: Envelope, schemas: SchemaStore): Change | null {
  try {
    const { key, headers } = bytesIn(entry);
    const record = { offset: BigInt(entry.offset), timestamp: entry.timestamp, key, value, headers };
    const change = envelope.decode(record, schemas);
    change?.after?.toObject();
    return change;
  } catch {
    return null;
  }
}

function invalid(why: string): TailraceError {
  return new TailraceError('dlq.invalid', `the dead letter cannot be edited so: ${why}`, {
    remedy: '`tailrace dlq show ID` shows the record',
  });
}
