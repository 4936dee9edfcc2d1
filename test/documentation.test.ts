/** The pages say what the code does: generated ones are current, examples load, every command of the README is one we run. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { referencePages } from '../docs/generate.ts';
import { loadProject } from '../src/config/index.ts';
import { createApp } from '../src/main.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map((match) => match[1]!);
}

test('generated reference pages are up to date (npm run docs)', async () => {
  for (const [name, text] of await referencePages()) {
    expect(readFileSync(new URL(`../docs/reference/${name}`, import.meta.url), 'utf8'), name).toBe(text);
  }
});

test('the page of faults names tests that are there', () => {
  const page = readFileSync(new URL('../docs/faults.md', import.meta.url), 'utf8');
  const named = [...page.matchAll(/`([\w/-]+\.test\.ts)`: (.*?)(?=<br>| \|$)/gm)];
  expect(named.length).toBeGreaterThan(60);
  const missing = named.filter(([, file, name]) => {
    const path = file!.includes('/') ? file! : `connectors/postgres/${file}`;
    return !readFileSync(new URL(`../${path}`, import.meta.url), 'utf8').includes(name!);
  });
  expect(missing.map(([text]) => text)).toEqual([]);
  for (let i = 1; i <= 33; i++) expect(page).toContain(`| PG-${String(i).padStart(2, '0')} |`);
});

test('the pipeline shown in the README is accepted', async () => {
  const { registry } = await createApp();
  const dir = await mkdtemp(join(tmpdir(), 'tailrace-readme-'));
  try {
    const yaml = blocks('yaml');
    expect(yaml.length).toBeGreaterThan(0);
    await writeFile(join(dir, 'tailrace.yaml'), 'mask_key: example\n');
    for (const [index, text] of yaml.entries()) await writeFile(join(dir, `example-${index}.yaml`), text);
    const env = { SHOP_PG_URL: 'postgres://h/d', ES_URL: 'http://h:9200', REDIS_URL: 'redis://h:6379' };
    const { problems, pipelines } = await loadProject({ paths: [dir], cwd: dir, env, registry });
    expect(problems).toEqual([]);
    expect(pipelines).toHaveLength(yaml.length);
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('the README names only commands that other tests and CI run', () => {
  const commands = blocks('sh').flatMap((block) => block.trim().split('\n'));
  // `npm ci` opens .ci/run; the demo, with and without --verify, is run by demo/verify.test.ts.
  expect(commands).toEqual(['npm ci', 'npm run demo', 'npm run demo -- --verify']);
});
