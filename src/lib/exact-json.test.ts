import { expect, test } from 'vitest';
import { exactText, parseExact } from './exact-json.ts';

test('numbers come out as they went in', () => {
  for (const text of ['9223372036854775807', '-9223372036854775808', '1.50', '7', '1e400', '[9007199254740993,1]']) {
    expect(JSON.stringify(parseExact(text))).toBe(text);
  }
  expect(parseExact('{"a":7,"b":"7","c":null}')).toEqual({ a: 7, b: '7', c: null });
});

test('texts of values, for comparing with what somebody typed', () => {
  expect(exactText(parseExact('9007199254740993'))).toBe('9007199254740993');
  expect(exactText(parseExact('"9007"'))).toBe('9007');
  expect(exactText(parseExact('[1,"a"]'))).toBe('[1,"a"]');
  expect(exactText(parseExact('null'))).toBe('null');
});
