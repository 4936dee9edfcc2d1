/** What the author of a connector or a plugin imports: `tailrace/sdk`. */
import type { PLUGIN_API, Plugin, SinkManifest, SourceManifest, StepManifest } from '../contracts/plugin.ts';

export { z } from 'zod';
export { TailraceError } from '../contracts/errors.ts';
export type * from '../contracts/log.ts';
export type * from '../contracts/plugin.ts';
export type * from '../contracts/predicate.ts';
export type * from '../contracts/rebuild.ts';
export * from '../contracts/row.ts';
export * from '../contracts/schema.ts';
export type * from '../contracts/sink.ts';
export type * from '../contracts/source.ts';
export type * from '../contracts/upstream.ts';
export type * from '../contracts/verification.ts';
export { durationMs, secret, sizeBytes } from '../lib/schema.ts';
export { fillTemplate, tableTemplate } from './table-template.ts';
export { type ApplyRows, applyRows } from './target/apply-rows.ts';
export { columnText } from './target/column-text.ts';
export { type FoldedRow, foldRows, type RowWrite, resolveLayers } from './target/fold.ts';
export { GrowingBytes } from './target/growing-bytes.ts';
export { writeDocument } from './target/json-document.ts';
export { documentMembers } from './target/json-text.ts';
export { keyTexts, keyValues } from './target/key-text.ts';
export { VERSION_COLUMN } from './target/names.ts';
export { serverPlace, tableParts } from './target/place.ts';
export {
  checkEpoch,
  DELETED_HOLD_MS,
  KnownPositions,
  mergePositions,
  resumeFrom,
  type StoredPosition,
  startOf,
} from './target/positions.ts';
export { identityRow, mergeRows, missingColumns } from './target/row-image.ts';
export { SinkSession } from './target/sink-session.ts';
export { RefusedRows, stepsOf } from './target/steps.ts';

/** Identity with type inference. The cast forgets the configuration's type: the runtime only passes it back. */
export function defineSource<C>(manifest: SourceManifest<C>): SourceManifest {
  return manifest as unknown as SourceManifest;
}

export function defineSink<C>(manifest: SinkManifest<C>): SinkManifest {
  return manifest as unknown as SinkManifest;
}

export function defineStep<C>(manifest: StepManifest<C>): StepManifest {
  return manifest as unknown as StepManifest;
}

/** The default export of a plugin's module. The compiler refuses an API that this SDK is not of. */
export function definePlugin(plugin: Plugin & { readonly api: typeof PLUGIN_API }): Plugin {
  return plugin;
}
