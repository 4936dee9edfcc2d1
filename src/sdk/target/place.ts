/** Where a sink writes, as names that lint compares (`targets` of the manifest). Never shown. */

/** Host, port and database of a URL, without user and parameters; the text itself when it is no URL. */
export function serverPlace(url: string, defaultPort: number): string {
  const parsed = URL.parse(url);
  if (parsed === null) return url;
  return `${parsed.hostname}:${parsed.port || defaultPort}${parsed.pathname.replace(/\/$/, '')}`;
}

/** `schema.table` → its parts. */
export function tableParts(name: string): { readonly schema: string; readonly table: string } {
  const dot = name.indexOf('.');
  return { schema: name.slice(0, dot), table: name.slice(dot + 1) };
}
