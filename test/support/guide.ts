/** A guide of docs/: its text, and the project it describes at work over a PostgreSQL of its own. */
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import { startPostgres } from '../../demo/servers/postgres.ts';
import type { TailraceProcess } from '../../demo/tailrace-process.ts';
import { Project } from './project.ts';

export function guideText(name: string): string {
  return readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8');
}

export interface GuideAtWork {
  /** Of the pipeline: the first in the guide. */
  readonly yaml: string;
  /** At the source. */
  readonly client: pg.Client;
  readonly project: Project;
  readonly running: TailraceProcess;
}

/** All of it ends with the test. @param statements what the source has before it is captured */
export async function startGuide(guide: string, statements: readonly string[]): Promise<GuideAtWork> {
  const server = await startPostgres();
  onTestFinished(() => server.stop());
  const url = await server.createDatabase('guide');
  const client = new pg.Client(url);
  await client.connect();
  onTestFinished(() => client.end());
  for (const statement of statements) await client.query(statement);
  const [yaml = ''] = /(?<=```yaml\n)[\s\S]*?(?=```)/.exec(guide) ?? [];
  const project = await Project.make(yaml, { SOURCE_URL: url, LANG: 'C.UTF-8' });
  return { yaml, client, project, running: project.start() };
}
