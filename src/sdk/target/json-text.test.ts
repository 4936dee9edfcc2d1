import { expect, test } from 'vitest';
import fc from '../../../test/support/fast-check.ts';
import { testSeed } from '../../../test/support/seed.ts';
import { documentMembers, jsonElements, jsonMembers } from './json-text.ts';

test('members and elements are the texts of the values, whatever they hold', () => {
  const seed = testSeed;
  console.log(`json text test seed ${seed}`);
  const spaced = fc.tuple(fc.jsonValue(), fc.constantFrom(undefined, 1, '\t'));
  fc.assert(
    fc.property(
      fc.array(spaced),
      fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()),
      ([...values], object) => {
        const texts = values.map(([value, space]) => JSON.stringify(value, null, space));
        expect(jsonElements(`[ ${texts.join(' ,\n')} ]`)).toEqual(texts);
        const members = jsonMembers(JSON.stringify(object, null, ' '));
        expect([...members.keys()].sort()).toEqual(Object.keys(object).sort());
        for (const [name, text] of members) expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(object[name])));
      },
    ),
    { seed, numRuns: 500 },
  );
});

test('invariant 9: numbers keep their digits', () => {
  const text = '{"a":123456789012345678901234567890.10, "b" : [1e400,-0] ,"c":9223372036854775807}';
  expect([...jsonMembers(text)]).toEqual([
    ['a', '123456789012345678901234567890.10'],
    ['b', '[1e400,-0]'],
    ['c', '9223372036854775807'],
  ]);
  expect(jsonElements('[]')).toEqual([]);
  expect(jsonMembers('{}').size).toBe(0);
});

test('what is no object has no members', () => {
  for (const text of [null, undefined, '', 'x', '[1]', '"a"', 'null', '{"a":']) {
    expect(documentMembers(text)).toBeUndefined();
  }
  expect(documentMembers('{"__proto__":1}')?.get('__proto__')).toBe('1');
});
