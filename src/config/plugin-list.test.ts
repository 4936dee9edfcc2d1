import { expect, test } from 'vitest';
import fc from '../../test/support/fast-check.ts';
import { withoutPlugin, withPlugin } from './plugin-list.ts';
import { toValue } from './tree.ts';
import { parseYaml } from './yaml-document.ts';

const SETTINGS = '# settings\nhttp: { port: 1 } # port\n';

test.each([
  ['', 'plugins:\n  - a\n'],
  ['# only this', '# only this\nplugins:\n  - a\n'],
  [SETTINGS, `${SETTINGS}plugins:\n  - a\n`],
  ['plugins:\nhttp: false\n', 'plugins: [a]\nhttp: false\n'],
  ['plugins: []   # none\n', 'plugins: [a]   # none\n'],
  ['plugins: [x, "y"] # two\n', 'plugins: [x, "y", a] # two\n'],
  ['plugins: [\n  x, # first\n]\nhttp: false\n', 'plugins: [\n  x, a, # first\n]\nhttp: false\n'],
  ['plugins:\n- x # first\n# more\nhttp: false\n', 'plugins:\n- x # first\n- a\n# more\nhttp: false\n'],
  ['http: false\nplugins:\n    -   "x"', 'http: false\nplugins:\n    -   "x"\n    -   a\n'],
])('adds to %j and leaves the rest', (before, after) => {
  expect(withPlugin(before, 'a')).toBe(after);
});

test.each([
  ['plugins:\n  - a\n', 'plugins:\n  []\n'],
  ['plugins: [a] # one\n', 'plugins: [] # one\n'],
  ['plugins: [x, a, y]\n', 'plugins: [x, y]\n'],
  ['plugins: [x, a]\n', 'plugins: [x]\n'],
  ['plugins:\n  - x\n  - a # mine\n  # other\n  - y\n', 'plugins:\n  - x\n  # other\n  - y\n'],
  ['plugins:\n  - x\n', 'plugins:\n  - x\n'],
  [SETTINGS, SETTINGS],
])('takes it out of %j', (before, after) => {
  expect(withoutPlugin(before, 'a')).toBe(after);
});

test.each(['{ http: false }\n', 'plugins: x\n', 'plugins: [1]\n', 'a: [\n', '- a\n', 'plugins: &l [a]\n'])(
  'does not touch %j',
  (text) => {
    expect(() => withPlugin(text, 'a')).toThrow(expect.objectContaining({ code: 'config.invalid' }));
  },
);

test('any name comes back as it is', () => {
  const layouts = ['', SETTINGS, 'plugins: [x]\n', 'plugins:\n  - x\n  # end\nhttp: false\n'];
  fc.assert(
    fc.property(fc.constantFrom(...layouts), fc.string({ minLength: 1, unit: 'grapheme' }), (text, name) => {
      const list = (edited: string) => (toValue(parseYaml(edited).root!) as { plugins?: string[] }).plugins ?? [];
      expect(list(withPlugin(text, name)).at(-1)).toBe(name);
      expect(list(withoutPlugin(withPlugin(text, name), name))).toEqual(
        text.includes('x]') || text.includes('- x') ? ['x'] : [],
      );
    }),
    { numRuns: 60 },
  );
});
