/** JSON whose numbers keep all their digits. */

declare global {
  interface JSON {
    /** ECMAScript 2026; the compiler's library does not know it yet. */
    rawJSON(text: string): { readonly rawJSON: string };
  }
}

/** As `JSON.parse`, with `{ rawJSON }` for numbers. */
export function exactJson(json: string): unknown {
  return JSON.parse(json, (_key, value: unknown, context?: { readonly source?: string }) => {
    return typeof value === 'number' ? JSON.rawJSON(context!.source!) : value;
  });
}

/**
 * Columns of a row that was read with it: strings as they are, everything else as its JSON.
 * @param json columns that hold JSON: their strings are texts of it too
 */
export function columnTexts(row: object, json: readonly string[] = []): Readonly<Record<string, string | null>> {
  const textOf = (name: string, value: unknown): string | null => {
    if (value === null) return null;
    return typeof value === 'string' && !json.includes(name) ? value : JSON.stringify(value);
  };
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, textOf(name, value)]));
}
