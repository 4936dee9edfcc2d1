/** No room, or none left of the user's share. */
const CODES: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT']);

export function isDiskFull(error: unknown): boolean {
  return CODES.has((error as { readonly code?: unknown }).code);
}
