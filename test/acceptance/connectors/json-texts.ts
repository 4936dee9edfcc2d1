/** JSON whose scalars are read as texts: numbers keep all their digits. */

/** Strings, numbers and booleans as text, null as null; arrays and maps as they are nested. */
export function textsOf(json: string): unknown {
  return JSON.parse(json, (_key, value: unknown, context?: { readonly source?: string }) => {
    return typeof value === 'number' || typeof value === 'boolean' ? context!.source : value;
  });
}

/** Columns of a row that was read with it: arrays and maps as JSON. */
export function columnTexts(row: object): Readonly<Record<string, string | null>> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]: [string, unknown]) => [
      name,
      value === null || typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  );
}
