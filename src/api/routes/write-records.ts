import type { NewRecord, ShownBytes } from '../../contracts/operations.ts';
import { type Fields, invalid } from '../fields.ts';
import type { Route } from '../route.ts';

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

export const writeRecords: Route = {
  method: 'POST',
  path: '/topics/:topic/records',
  summary:
    'Writes records, all or none. `records`: a list of `key`, `value` (texts, `{"$bytes": base64}` or null), `headers` (list of `key`, `value`), `timestamp` (ms); `partition`.',
  needsToken: true,
  async answer({ operations, params, body }) {
    const fields = body.only('records', 'partition');
    const partition = fields.has('partition') ? fields.number('partition') : null;
    const records = fields.each('records').map(recordOf);
    return {
      status: 200,
      body: await operations.topicWriter.write({ topic: params.text('topic'), partition, records }),
    };
  },
};

function recordOf(fields: Fields): NewRecord {
  fields.only('key', 'value', 'headers', 'timestamp');
  const headers = fields.has('headers') ? fields.each('headers') : [];
  return {
    key: bytesOf(fields, 'key'),
    value: bytesOf(fields, 'value'),
    headers: headers.map((header) => ({ key: header.text('key'), value: bytesOf(header, 'value') })),
    ...(fields.has('timestamp') ? { timestamp: fields.number('timestamp') } : {}),
  };
}

/** A field that is left out is null. */
function bytesOf(fields: Fields, name: string): ShownBytes {
  const value = fields.value(name);
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value;
  const text = fields.fields(name).only('$bytes').text('$bytes');
  if (!BASE64.test(text)) throw invalid('"$bytes" must be base64');
  return { $bytes: text };
}
