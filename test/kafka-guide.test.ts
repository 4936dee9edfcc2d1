/** docs/kafka-listener.md says what the code does: its settings are accepted, its commands are understood. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseArguments } from '../src/cli/arguments.ts';
import { singleCommands } from '../src/cli/commands.ts';
import { loadProject } from '../src/config/index.ts';
import { CERTIFICATE, KEY } from './support/certificate.ts';
import { testRegistry as registry } from './support/config-registry.ts';
import { guideText } from './support/guide.ts';

const guide = guideText('kafka-listener');

test('the settings are accepted', async () => {
  const examples = [...guide.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml = '']) => yaml);
  expect(examples).toHaveLength(2);
  for (const yaml of examples) {
    const cwd = mkdtempSync(join(tmpdir(), 'tailrace-guide-'));
    onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
    mkdirSync(join(cwd, 'tls'));
    writeFileSync(join(cwd, 'tls', 'server.pem'), CERTIFICATE);
    writeFileSync(join(cwd, 'tls', 'server.key'), KEY);
    writeFileSync(join(cwd, 'tailrace.yaml'), yaml);
    const env = { SHOP_PASSWORD: 'a', REPORTS_PASSWORD: 'b', OPS_PASSWORD: 'c' };
    const { problems, instance } = await loadProject({ paths: [], cwd, env, registry });
    expect(problems).toEqual([]);
    expect(instance.kafka).not.toBeNull();
  }
});

test('the commands are understood', () => {
  const lines = [...guide.matchAll(/`tailrace ((?:topics|groups) [a-z]+[^`]*)`/g)].map(([, line = '']) => line);
  expect(lines.length).toBeGreaterThan(12);
  for (const line of lines) {
    const [command] = line.split(' < ');
    const words = [...command!.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word!);
    const found = singleCommands.find(({ name }) => name === `${words[0]} ${words[1]}`);
    expect(found?.name, line).toBeDefined();
    expect(() => parseArguments(found!, words.slice(2)), line).not.toThrow();
  }
});
