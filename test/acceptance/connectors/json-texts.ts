/** JSON whose scalars are read as texts: numbers keep all their digits. */

/** Strings, numbers and booleans as text, null as null; arrays and maps as they are nested. */
export function textsOf(json: string): unknown {
  return JSON.parse(json, (_key, value: unknown, context?: { readonly source?: string }) => {
    return typeof value === 'number' || typeof value === 'boolean' ? context!.source : value;
  });
}
