/** Connectors and steps for tests of configuration that must not depend on the real ones. */
import { z } from 'zod';
import type { SinkManifest, SourceManifest } from '../../src/contracts/plugin.ts';
import type { Registry } from '../../src/contracts/registry.ts';
import { secret } from '../../src/lib/schema.ts';

const unused = () => Promise.reject(new Error('not opened in these tests'));
const url = (scheme: string) =>
  secret().refine((text) => text.startsWith(scheme), { error: `must start with ${scheme}` });

const source: SourceManifest = {
  type: 'postgres',
  summary: '',
  config: z.strictObject({ url: url('postgres://') }),
  emits: [],
  check: unused,
  describe: unused,
  open: unused,
  teardown: unused,
};
const sink = (type: string, config: z.ZodType, keeps: SinkManifest['keeps'] = 'last-value'): SinkManifest => ({
  type,
  summary: '',
  config,
  accepts: [],
  keeps,
  check: unused,
  open: unused,
});
const sinks = new Map(
  [
    sink('postgres', z.strictObject({ url: url('postgres://'), schema: z.string().optional() })),
    sink('sqlite', z.strictObject({ path: z.string().min(1).meta({ path: true }) })),
    sink('elasticsearch', z.strictObject({ url: url('http'), index: z.string() })),
    sink('redis', z.strictObject({ url: url('redis://'), key: z.string().default('{table}') })),
    sink('file', z.strictObject({ path: z.string().min(1).meta({ path: true }) }), 'append'),
  ].map((manifest) => [manifest.type, manifest]),
);

export const testRegistry: Registry = {
  sourceTypes: ['postgres'],
  sinkTypes: [...sinks.keys()],
  source: (type) => (type === 'postgres' ? source : undefined),
  sink: (type) => sinks.get(type),
  rules: {
    verbs: ['drop'],
    lint: () => [],
    lintTable: () => [],
    lintTables: () => [],
    conditions: () => [],
    sourceFilters: () => [],
    compile: () => {
      throw new Error('not compiled in these tests');
    },
  },
};
