import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const own = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  // As a package of its own finds them.
  resolve: { alias: { 'tailrace/sdk': own('src/sdk/index.ts'), 'tailrace/testkit': own('src/testkit/index.ts') } },
  test: {
    include: ['src/**/*.test.ts', 'connectors/**/*.test.ts', 'demo/**/*.test.ts', 'test/**/*.test.ts'],
    pool: 'forks',
    // Two cores: more workers only make the real servers of the integration tests fight each other.
    maxWorkers: 2,
    testTimeout: 180_000,
    hookTimeout: 120_000,
    execArgv: ['--disallow-code-generation-from-strings', '--disable-proto=throw'],
  },
});
