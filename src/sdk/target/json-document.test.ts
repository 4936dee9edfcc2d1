import { expect, test } from 'vitest';
import { type Cell, column, row } from '../../../test/support/changes.ts';
import { NOT_SENT } from '../../contracts/row.ts';
import { columnText, encodeCharacters, keyText } from './column-text.ts';
import { GrowingBytes } from './growing-bytes.ts';
import { type DocumentExtras, writeDocument } from './json-document.ts';

const COLUMNS = [
  column('id', 'int64', 'bigint', { key: 1 }),
  column('a "b"', 'text', 'text'),
  column('j', 'json', 'json'),
];

function documentOf(cells: readonly Cell[], extras: DocumentExtras = {}): string {
  const out = new GrowingBytes();
  writeDocument(out, row(COLUMNS, cells), extras);
  return Buffer.from(out.view()).toString();
}

test('a row becomes one line; json is embedded, what was not sent comes from the stored document or is left out', () => {
  const id = 9223372036854775807n;
  expect(documentOf([id, 'x\n', '{"n":1e400,\r\n"s":"\\n"}'])).toBe(
    `{"id":${id},"a \\"b\\"":"x\\n","j":{"n":1e400,  "s":"\\n"}}`,
  );
  expect(documentOf([id, null, null])).toBe(`{"id":${id},"a \\"b\\"":null,"j":null}`);
  expect(documentOf([id, 'x', 'no json {'])).toBe(`{"id":${id},"a \\"b\\"":"x","j":"no json {"}`);
  const stored = new Map([
    ['j', '{"n":1e400}'],
    ['other', '1'],
  ]);
  expect(documentOf([id, 'x', NOT_SENT], { stored, last: ['_v', '5'] })).toBe(
    `{"id":${id},"a \\"b\\"":"x","j":{"n":1e400},"_v":5}`,
  );
  expect(documentOf([id, NOT_SENT, NOT_SENT])).toBe(`{"id":${id}}`);
  expect(documentOf([NOT_SENT, NOT_SENT, NOT_SENT])).toBe('{}');
});

test('a buffer that grows keeps what it has', () => {
  const out = new GrowingBytes();
  let expected = '';
  for (let i = 0; i < 3_000; i++) {
    out.text(`${i}ü𝄞,`);
    out.bytes(Buffer.from('b'.repeat(i % 40)));
    out.byte(0x3b);
    expected += `${i}ü𝄞,${'b'.repeat(i % 40)};`;
  }
  expect(Buffer.from(out.view()).toString()).toBe(expected);
  const copy = out.copy();
  out.clear();
  out.text('x');
  expect([copy.toString(), out.length]).toEqual([expected, 1]);
});

test('text of columns and keys', () => {
  const cells: Cell[] = [1n, 'a"\\ü', new Uint8Array([0xff])];
  const image = row([COLUMNS[0]!, COLUMNS[1]!, column('t', 'text', 'text')], cells);
  expect(Buffer.from(columnText(image, 1)!).toString()).toBe('a"\\ü');
  expect(columnText(image, 2)).toEqual(new Uint8Array([0xff]));
  expect(keyText(image, 0)).toBe('1');
  expect(() => keyText(image, 2)).toThrow(expect.objectContaining({ code: 'sink.rejected' }));
  expect(columnText(row(COLUMNS, [1n, null]), 1)).toBeNull();
  expect(columnText(row(COLUMNS, [1n]), 1)).toBeUndefined();
  expect(encodeCharacters('a:%é:', ':é')).toBe('a%3A%25%C3%A9%3A');
});
