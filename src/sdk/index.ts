/** What a connector author imports. */
import type { SinkManifest, SourceManifest } from '../contracts/plugin.ts';

export { z } from 'zod';
export { TailraceError } from '../contracts/errors.ts';
export type * from '../contracts/log.ts';
export type * from '../contracts/plugin.ts';
export type * from '../contracts/rebuild.ts';
export * from '../contracts/row.ts';
export * from '../contracts/schema.ts';
export type * from '../contracts/sink.ts';
export type * from '../contracts/source.ts';
export type * from '../contracts/upstream.ts';
export type * from '../contracts/verification.ts';
export { durationMs, secret, sizeBytes } from '../lib/schema.ts';

/** Identity with type inference. The cast forgets the configuration's type: the runtime only passes it back. */
export function defineSource<C>(manifest: SourceManifest<C>): SourceManifest {
  return manifest as unknown as SourceManifest;
}

export function defineSink<C>(manifest: SinkManifest<C>): SinkManifest {
  return manifest as unknown as SinkManifest;
}
