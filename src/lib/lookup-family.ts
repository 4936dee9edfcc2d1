/** Kinds of columns whose values can be compared for a lookup: those of one family, exactly. Null: values of the kind cannot. */
const FAMILIES: Readonly<Record<string, string>> = {
  int16: 'decimal',
  int32: 'decimal',
  int64: 'decimal',
  uint64: 'decimal',
  decimal: 'decimal',
  text: 'text',
  enum: 'text',
  uuid: 'uuid',
  bool: 'bool',
  date: 'date',
  timestamp: 'timestamp',
  timestamptz: 'timestamptz',
  bytes: 'bytes',
};

export function lookupFamily(kind: string): string | null {
  return FAMILIES[kind] ?? null;
}
