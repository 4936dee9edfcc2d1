/** Values of every kind, and how they stand in a document of Elasticsearch. */
import type { Value } from '../../src/contracts/row.ts';
import type { Kind } from '../../src/contracts/schema.ts';

/** Kind, native type, value, JSON text in `_source`. */
export const ELASTICSEARCH_VALUES: readonly (readonly [Kind, string, Value, string])[] = [
  ['bool', 'boolean', true, 'true'],
  ['int16', 'smallint', -32768, '-32768'],
  ['int64', 'bigint', 9223372036854775807n, '9223372036854775807'],
  ['uint64', 'bigint unsigned', 18446744073709551615n, '18446744073709551615'],
  ['float32', 'real', 1.5, '1.5'],
  ['float64', 'double precision', -0, '-0'],
  ['float64', 'double precision', Number.NaN, '"NaN"'],
  ['decimal', 'numeric', '123456789012345678901234567890.0120', '"123456789012345678901234567890.0120"'],
  ['decimal', 'numeric', `1${'0'.repeat(400)}`, `"1${'0'.repeat(400)}"`],
  ['decimal', 'numeric', 'NaN', '"NaN"'],
  ['text', 'text', 'quote " nul \0 ü 𝄞\n', '"quote \\" nul \\u0000 ü 𝄞\\n"'],
  ['text', 'text', 'long '.repeat(10_000), `"${'long '.repeat(10_000)}"`],
  ['uuid', 'uuid', 'x'.repeat(40_000), `"${'x'.repeat(40_000)}"`],
  ['bytes', 'bytea', new Uint8Array([0, 255, 10]), '"AP8K"'],
  ['date', 'date', '0044-03-15 BC', '"0044-03-15 BC"'],
  ['date', 'date', 'infinity', '"infinity"'],
  ['timestamp', 'timestamp', '12024-02-29T12:00:00.123456', '"12024-02-29T12:00:00.123456"'],
  ['timestamptz', 'timestamptz', '2024-02-29T12:00:00.123456Z', '"2024-02-29T12:00:00.123456Z"'],
  ['time', 'time', '24:00:00', '"24:00:00"'],
  [
    'json',
    'jsonb',
    '{"a": [1e400, 123456789012345678901234567890],\n "b": {}}',
    '{"a": [1e400, 123456789012345678901234567890],  "b": {}}',
  ],
  ['json', 'jsonb', '[1]', '[1]'],
  ['json', 'jsonb', '"x"', '"x"'],
  ['array', 'bigint[]', [1n, null, 9223372036854775807n], '[1,null,9223372036854775807]'],
  ['range', 'int4range', '[1,10)', '"[1,10)"'],
];
