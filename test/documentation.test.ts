/** The pages say what the code does: generated ones are current, examples load, every command of the README is one we run. */
import { existsSync, readFileSync } from 'node:fs';
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

test.each([
  ['faults.md', 'connectors/postgres', 'PG', [...Array(33).keys()].map((i) => i + 1), 60],
  ['faults-of-mysql.md', 'connectors/mysql', 'MY', [...Array(22).keys()].map((i) => i + 1), 30],
  ['faults-of-targets.md', 'connectors', 'SK', [...Array(15).keys()].map((i) => i + 1), 45],
  ['faults-of-log.md', 'src/protocol', 'KP', [...Array(15).keys()].map((i) => i + 1), 100],
  ['faults-of-log.md', 'src/protocol', 'R', [1, 2, 3, 4, ...[...Array(17).keys()].map((i) => i + 6)], 100],
] as const)('the page %s names tests that are there', (name, folder, letters, numbers, least) => {
  const page = readFileSync(new URL(`../docs/${name}`, import.meta.url), 'utf8');
  const named = [...page.matchAll(/`([\w/-]+(?:\.test)?\.ts)`: (.*?)(?=<br>| \|$)/gm)];
  expect(named.length).toBeGreaterThan(least);
  const missing = named.filter(([, file, title]) => {
    const [beside, whole] = [`../${folder}/${file}`, `../${file}`].map((path) => new URL(path, import.meta.url));
    return !readFileSync(existsSync(beside!) ? beside! : whole!, 'utf8').includes(title!);
  });
  expect(missing.map(([text]) => text)).toEqual([]);
  for (const i of numbers) expect(page).toContain(`| ${letters}-${String(i).padStart(2, '0')} |`);
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
