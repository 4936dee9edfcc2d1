/** Functions of bytes: their text forms and digests. */
import { createHash } from 'node:crypto';
import { fail } from '../../fail.ts';
import { parseBytes } from '../../values/text.ts';
import type { FunctionEntry } from '../functions.ts';
import { overload } from '../overloads.ts';
import { TEXT, typeOf } from '../types.ts';

const BYTES = typeOf('bytes');
const INTEGER = typeOf('int32');
const BIGINT = typeOf('int64');
/** Keeps the blanks that pad a `character(n)`. */
const TEXT_AS_IT_IS = { ...TEXT, padded: true } as const;
const BASE64_LINE = 76;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const BLANKS = /[ \n\t\r]/g;

const bufferOf = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

function escaped(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => {
    if (byte === 0 || byte >= 0x80) return `\\${byte.toString(8).padStart(3, '0')}`;
    return byte === 0x5c ? '\\\\' : String.fromCharCode(byte);
  }).join('');
}

function encode(bytes: Uint8Array, format: string): string {
  switch (format.toLowerCase()) {
    case 'hex':
      return bufferOf(bytes).toString('hex');
    case 'base64':
      return (
        bufferOf(bytes)
          .toString('base64')
          .match(new RegExp(`.{1,${BASE64_LINE}}`, 'g')) ?? []
      ).join('\n');
    case 'escape':
      return escaped(bytes);
    default:
      return noFormat();
  }
}

function decode(text: string, format: string): Uint8Array {
  switch (format.toLowerCase()) {
    case 'hex':
      return parseBytes(`\\x${text}`) ?? fail('a text is not hexadecimal');
    case 'base64': {
      const plain = text.replaceAll(BLANKS, '');
      return BASE64.test(plain) ? Buffer.from(plain, 'base64') : fail('a text is not base64');
    }
    case 'escape':
      return (text.startsWith('\\x') ? null : parseBytes(text)) ?? fail('a text is not in the escape format');
    default:
      return noFormat();
  }
}

function noFormat(): never {
  return fail('the format of bytes is hex, base64 or escape');
}

const isUtf8 = (encoding: string) => /^utf[-_ ]?8$/i.test(encoding);

function toBytes(text: string, encoding: string): Uint8Array {
  return isUtf8(encoding) ? Buffer.from(text) : fail('the only encoding is UTF8');
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function toText(bytes: Uint8Array, encoding: string): string {
  if (!isUtf8(encoding)) return fail('the only encoding is UTF8');
  if (bytes.includes(0)) return fail('bytes hold a zero, which no text can');
  try {
    return UTF8.decode(bytes);
  } catch {
    return fail('bytes are not UTF-8');
  }
}

const md5 = (value: string | Uint8Array) => createHash('md5').update(value).digest('hex');

const digests: readonly FunctionEntry[] = ['sha224', 'sha256', 'sha384', 'sha512'].map((name) => ({
  name,
  usage: [`${name}(bytea)`],
  summary: `Digest as bytea. Of a text: \`${name}(convert_to(text, 'UTF8'))\`.`,
  minArgs: 1,
  maxArgs: 1,
  overloads: [overload([BYTES], BYTES, (bytes: Uint8Array) => createHash(name).update(bytes).digest())],
}));

export const binaryFunctions: readonly FunctionEntry[] = [
  {
    name: 'octet_length',
    usage: ['octet_length(text)', 'octet_length(bytea)'],
    summary: 'Number of bytes.',
    minArgs: 1,
    maxArgs: 1,
    overloads: [
      overload([TEXT_AS_IT_IS], INTEGER, (text: string) => Buffer.byteLength(text)),
      overload([BYTES], INTEGER, (bytes: Uint8Array) => bytes.length),
    ],
  },
  {
    name: 'encode',
    usage: ["encode(bytea, 'hex' | 'base64' | 'escape')"],
    summary: 'Bytes as text.',
    minArgs: 2,
    maxArgs: 2,
    overloads: [overload([BYTES, TEXT], TEXT, encode)],
  },
  {
    name: 'decode',
    usage: ["decode(text, 'hex' | 'base64' | 'escape')"],
    summary: 'Text as bytes.',
    minArgs: 2,
    maxArgs: 2,
    overloads: [overload([TEXT, TEXT], BYTES, decode)],
  },
  {
    name: 'convert_to',
    usage: ["convert_to(text, 'UTF8')"],
    summary: 'The bytes of a text.',
    minArgs: 2,
    maxArgs: 2,
    overloads: [overload([TEXT, TEXT], BYTES, toBytes)],
  },
  {
    name: 'convert_from',
    usage: ["convert_from(bytea, 'UTF8')"],
    summary: 'The text that bytes are.',
    minArgs: 2,
    maxArgs: 2,
    overloads: [overload([BYTES, TEXT], TEXT, toText)],
  },
  {
    name: 'md5',
    usage: ['md5(text)', 'md5(bytea)'],
    summary: 'Digest in hexadecimal.',
    minArgs: 1,
    maxArgs: 1,
    overloads: [overload([TEXT], TEXT, md5), overload([BYTES], TEXT, md5)],
  },
  ...digests,
  {
    name: 'to_hex',
    usage: ['to_hex(integer)', 'to_hex(bigint)'],
    summary: 'In hexadecimal; negative numbers as two’s complement.',
    minArgs: 1,
    maxArgs: 1,
    overloads: [
      overload([INTEGER], TEXT, (value: number) => (value >>> 0).toString(16)),
      overload([BIGINT], TEXT, (value: bigint) => BigInt.asUintN(64, value).toString(16)),
    ],
  },
];
