/** Pipeline files and settings: read, checked, every problem with its place and remedy. */

export { fixedText } from './apply-fixes.ts';
export { type AskedField, askedFields } from './asked-fields.ts';
export type { PlacedProblem, UsedVariable } from './config-file.ts';
export { editorSchema } from './editor-schema.ts';
export {
  type LoadOptions,
  loadInstance,
  loadPlugins,
  loadProject,
  type Project,
  type ProjectPlugins,
} from './load-project.ts';
export { listedPlugins, withoutPlugin, withPlugin } from './plugin-list.ts';
export { type Paint, problemSummary, problemText } from './problem-text.ts';
