/**
 * JSON whose numbers keep their digits: int64 and decimals do not fit a JavaScript number. A number becomes a raw JSON value,
 * which `JSON.stringify` writes as it was (ECMAScript, JSON.parse source text access).
 */

interface RawJson {
  readonly rawJSON: string;
}

type SourceReviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

const exact = JSON as unknown as {
  rawJSON(text: string): RawJson;
  isRawJSON(value: unknown): value is RawJson;
  parse(text: string, reviver: SourceReviver): unknown;
};

/** Throws a SyntaxError for what is no JSON. */
export function parseExact(text: string): unknown {
  return exact.parse(text, (_, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source ? exact.rawJSON(source) : value,
  );
}

/** The digits of a number that `parseExact` gave, the text of a text, and JSON of everything else. */
export function exactText(value: unknown): string {
  if (typeof value === 'string') return value;
  return exact.isRawJSON(value) ? value.rawJSON : JSON.stringify(value);
}
