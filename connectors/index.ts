/** The connectors that ship with the product: one line each. Manifests only; drivers load when a connector opens. */
import type { SinkManifest, SourceManifest } from '../src/contracts/plugin.ts';

export interface ConnectorModule {
  readonly source?: SourceManifest;
  readonly sink?: SinkManifest;
}

export const connectors: Readonly<Record<string, () => Promise<ConnectorModule>>> = {
  elasticsearch: () => import('./elasticsearch/index.ts'),
  file: () => import('./file/index.ts'),
  mysql: () => import('./mysql/index.ts'),
  postgres: () => import('./postgres/index.ts'),
  redis: () => import('./redis/index.ts'),
  sqlite: () => import('./sqlite/index.ts'),
};
