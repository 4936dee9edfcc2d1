import { expect, test } from 'vitest';
import { Document, parseDocument, Scalar } from 'yaml';
import fc from '../../test/support/fast-check.ts';
import { sourceOffset } from './scalar-offsets.ts';
import { child, type ScalarNode } from './tree.ts';
import { parseYaml } from './yaml-document.ts';

const STYLES = ['PLAIN', 'QUOTE_SINGLE', 'QUOTE_DOUBLE', 'BLOCK_LITERAL', 'BLOCK_FOLDED'] as const;

/** The scalar `a:` of a file in which it is nested a little. */
function scalarIn(source: string): ScalarNode {
  const { root, complaints } = parseYaml(source);
  expect(complaints).toEqual([]);
  const node = child(child(root!, 'outer')!, 'a');
  if (node?.kind !== 'scalar') throw new Error('no scalar');
  return node;
}

test('every visible character of a scalar is found in the file, in every style, folded or not', () => {
  const words = fc.stringMatching(/^[a-z0-9<>=+*'"\\.,é€😀-]{1,12}$/u);
  const text = fc.array(fc.tuple(words, fc.constantFrom(' ', ' ', '  ', '\n', '\n\n')), {
    minLength: 1,
    maxLength: 30,
  });
  fc.assert(
    fc.property(text, fc.constantFrom(...STYLES), fc.constantFrom(20, 80), (parts, type, lineWidth) => {
      const value = parts.flat().join('').trim();
      const document = new Document({ outer: { before: 1, a: '' } });
      const scalar = new Scalar(value);
      scalar.type = type;
      document.setIn(['outer', 'a'], scalar);
      const source = document.toString({ lineWidth, minContentWidth: 10 });
      // The writer puts a few texts, such as `-` before a line end, into the file as what is no YAML.
      fc.pre(parseDocument(source).errors.length === 0);
      const node = scalarIn(source);
      fc.pre(node.text.trim() === value);
      for (let i = 0; i < node.text.length; i++) {
        if (/\s/.test(node.text[i]!)) continue;
        const found = sourceOffset(source, node, i);
        const isEscape = node.style === 'double' && source[found] === '\\';
        if (isEscape) expect(JSON.parse(`"${source.slice(found, found + 2)}"`), source).toBe(node.text[i]);
        else expect(source[found], `${JSON.stringify(source)} at ${i}`).toBe(node.text[i]);
      }
    }),
    { numRuns: 300 },
  );
});

test.each([
  ['a plain scalar over two lines', 'outer:\n  a: stock >\n     uppercas(x)\n', 'uppercas'],
  ['a block scalar with a comment', 'outer:\n  a: |2- # c\n    stock > 0\n     and uppercas(x)\n', 'uppercas'],
  ['an escape before it', 'outer:\n  a: "\\u0061 \\x62 \\U0001F600 \\"q\\" uppercas"\n', 'uppercas'],
  ['an escaped line end', 'outer:\n  a: "stock > \\\n     uppercas(x)"\n', 'uppercas'],
  ['a doubled quote', "outer:\n  a: 'it''s uppercas'\n", 'uppercas'],
])('%s', (_, source, word) => {
  const node = scalarIn(source);
  expect(sourceOffset(source, node, node.text.indexOf(word))).toBe(source.indexOf(word));
});
