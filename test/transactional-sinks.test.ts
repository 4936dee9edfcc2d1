/** Which sinks can be told `consistency: transactional`, and with what. */
import { expect, test } from 'vitest';
import { createApp } from '../src/main.ts';
import { SCHEMA_POLICIES } from '../src/sdk/target/schema-policy.ts';
import { TABLE_MODES } from '../src/sdk/target/table-mode.ts';
import { lintText } from './support/wrong-files.ts';

const { registry } = await createApp();

async function lint(sink: string): Promise<string> {
  const source = '{ type: postgres, url: postgres://h/d, tables: [public.a] }';
  const text = `name: p\nsource: ${source}\nsink: { ${sink}, consistency: transactional }\n`;
  return lintText({ files: new Map([['p.yaml', text]]), env: {} }, registry);
}

const SQL = ['type: postgres, url: postgres://h/copy', 'type: mysql, url: mysql://h/copy', 'type: sqlite, path: x.db'];

test.each(SQL)('%s: with every mode and every schema_changes', async (sink) => {
  const found: string[] = [];
  for (const mode of TABLE_MODES) {
    for (const policy of SCHEMA_POLICIES) found.push(await lint(`${sink}, mode: ${mode}, schema_changes: ${policy}`));
  }
  expect(found).toEqual(
    Array(TABLE_MODES.length * SCHEMA_POLICIES.length).fill(await lint('type: sqlite, path: x.db')),
  );
  expect(found[0]).not.toContain('error');
});

test.each([
  ['file', 'path: x.jsonl'],
  ['redis', 'url: redis://h, key: "a:{id}"'],
  ['elasticsearch', 'url: http://h:9200'],
])('%s shows each write by itself: refused', async (type, rest) => {
  expect(await lint(`type: ${type}, ${rest}`)).toMatch(/error .*sink cannot be transactional/);
});

test.each(SQL)('%s: leaves nothing aside', async (sink) => {
  for (const policy of ['skip', 'block_key']) {
    expect(await lint(`${sink}, dead_letters: ${policy}`)).toContain('cannot leave records aside');
  }
  expect(await lint(`${sink}, dead_letters: stop`)).not.toContain('error');
});
