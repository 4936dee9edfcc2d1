/** The files of a new pipeline, from answers. */
import { join } from 'node:path';
import type { AskedField } from '../config/index.ts';

export interface Answers {
  readonly type: string;
  readonly fields: readonly (readonly [field: AskedField, value: string])[];
}

export interface NewFile {
  /** Relative to the project. */
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

const SECRETS_DIR = 'secrets';

/** Secrets go into files of their own, which only their owner can read (Invariant 12). */
export function newPipelineFiles(name: string, source: Answers, sink: Answers): NewFile[] {
  const secrets: NewFile[] = [];
  const part = (kind: 'source' | 'sink', { type, fields }: Answers) => {
    const lines = fields.map(([field, value]) => `  ${field.key}: ${valueText(kind, field, value)}\n`);
    return `${kind}:\n  type: ${type}\n${lines.join('')}`;
  };
  const valueText = (kind: string, field: AskedField, value: string) => {
    if (field.key === 'tables' && kind === 'source') {
      return `[${value
        .split(',')
        .map((table) => yamlText(table.trim()))
        .join(', ')}]`;
    }
    if (!field.isSecret && !hasPassword(value)) return yamlText(value);
    const file = join(SECRETS_DIR, `${name}-${kind}-${field.key}`);
    secrets.push({ path: file, text: `${value}\n`, mode: 0o600 });
    return `\${file:${file}}`;
  };
  const text = `${part('source', source)}\n${part('sink', sink)}`;
  return [
    { path: `${name}.yaml`, text, mode: 0o644 },
    ...secrets,
    ...(secrets.length === 0 ? [] : [{ path: join(SECRETS_DIR, '.gitignore'), text: '*\n', mode: 0o644 }]),
  ];
}

function hasPassword(value: string): boolean {
  return (URL.parse(value)?.password ?? '') !== '' || /\bpassword=/i.test(value);
}

/** In quotes unless it is surely plain; a `${` of an answer stays a variable. */
function yamlText(value: string): string {
  return /^[A-Za-z0-9_./][A-Za-z0-9_./:@?=&%+-]*$/.test(value) && !/^(true|false|null|~|[\d.]+)$/i.test(value)
    ? value
    : JSON.stringify(value);
}
