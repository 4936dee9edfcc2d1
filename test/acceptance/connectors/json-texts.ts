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

/** Columns of a row that was read with it: strings as they are, everything else as its JSON. */
export function columnTexts(row: object): Readonly<Record<string, string | null>> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]: [string, unknown]) => [
      name,
      value === null || typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  );
}
