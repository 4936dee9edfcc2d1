/** Column values in statements, as the texts that the stream has. */
import { isUtf8 } from 'node:buffer';
import { quoteLiteral } from './names.ts';

/** Of the texts on the stream (`PIN_SQL` of connections.ts). */
export const TEXT_ENCODING = `CASE getdatabaseencoding() WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END`;

/**
 * The text that the type's output function makes, byte for byte, in base64; a cast to text would, say, drop the padding of
 * char(n). @param column quoted
 */
export function encodedText(column: string): string {
  return `CASE num_nulls(${column}) WHEN 0 THEN encode(convert_to(format('%s', ${column}), ${TEXT_ENCODING}), 'base64') END`;
}

/** The value with that text. @param type as `format_type` names it */
export function literalOf(text: Buffer, type: string): string {
  if (isUtf8(text)) return `${quoteLiteral(text.toString())}::${type}`;
  return `convert_from('\\x${text.toString('hex')}'::bytea, 'SQL_ASCII')::${type}`;
}
