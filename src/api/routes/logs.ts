import { z } from 'zod';
import { TailraceError } from '../../contracts/errors.ts';
import type { LogLine } from '../../contracts/log-lines.ts';
import { didYouMean } from '../../lib/did-you-mean.ts';
import { quoted } from '../../lib/printable.ts';
import { flagText } from '../fields.ts';
import { route } from '../route.ts';

const line: z.ZodType<LogLine> = z.object({
  time: z.number().describe('ms since 1970'),
  level: z.enum(['debug', 'info', 'warn', 'error']),
  message: z.string(),
  fields: z.record(z.string(), z.string()).describe('what the line is about, as text'),
});

const query = z.strictObject({
  pipeline: z.string().optional().describe('only lines of this pipeline, its sources and its sinks'),
  level: z.enum(['info', 'warn', 'error']).optional().describe('only this level and those above'),
  follow: flagText().optional().describe('1: goes on with the lines that come'),
});

export const logs = route({
  method: 'GET',
  path: '/logs',
  summary: 'The last lines of the log of this process, oldest first. No row contents and no secrets are in them.',
  access: 'records',
  query,
  gives: 'events',
  answers: line,
  answer({ control, logs: lines, query: { pipeline, level = 'info', follow = false }, signal }) {
    if (lines === undefined) throw new TailraceError('log.not_offered', 'this instance keeps no lines of its log');
    if (pipeline === undefined) return lines.read({ about: null, level, follow }, signal);
    const { pipelines } = control.status();
    const found = pipelines.find(({ name }) => name === pipeline);
    if (found === undefined) {
      throw new TailraceError('pipeline.not_found', `there is no pipeline ${quoted(pipeline)}`, {
        remedy:
          didYouMean(
            pipeline,
            pipelines.map(({ name }) => name),
          ) ?? '`tailrace status` lists them',
      });
    }
    const sources = found.sources.map(({ name }) => name);
    return lines.read({ about: { pipeline, sources }, level, follow }, signal);
  },
});
