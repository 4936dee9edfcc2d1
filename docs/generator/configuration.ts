/** Pages about pipeline files and tailrace.yaml, from the schemas that check them. */
import { INSTANCE_FILE } from '../../src/config/instance-file.ts';
import { instanceKeys } from '../../src/config/instance-keys.ts';
import { pipelineKeys, sinkKeys, sourceKeys } from '../../src/config/pipeline-keys.ts';
import { keyTable } from './markdown.ts';

export function pipelineFilePage(): string {
  return `# Pipeline files

A pipeline file is YAML 1.2: one document, no anchors, aliases, merge keys or tags. Unknown keys are errors.

${keyTable(pipelineKeys)}

A source or sink names its connector with \`type\`; the keys of the connector stand beside those below (see
[connectors](connectors.md)). Relative paths start at the file.

## Every source

${keyTable(sourceKeys)}

## Every sink

${keyTable(sinkKeys)}

## Variables

\`\${NAME}\` stands for a variable of the environment, \`\${NAME:-default}\` for the default when it is not set or empty,
\`\${file:path}\` for the content of a file without its last line end, \`$\${\` for a literal \`\${\`. They are resolved in
values, after the YAML is read, so a value never changes the structure of a file; what stands alone takes the type that its
key asks for. A variable that is not set is an error.
`;
}

export function instanceFilePage(): string {
  return `# ${INSTANCE_FILE}

Settings of an instance: one process with one data directory. It stands beside the pipeline files (or beside their folder
\`pipelines\`), otherwise in the working directory. Without it the defaults hold. Variables as in
[pipeline files](pipeline-file.md).

${keyTable(instanceKeys)}
`;
}
