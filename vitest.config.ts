import { defineConfig } from 'vitest/config';

export default defineConfig({
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
