import { isAbsolute } from 'node:path';
import { z } from 'zod';
import type { BackupStatus } from '../../contracts/log-backup.ts';
import { route } from '../route.ts';

const ms = () => z.number().describe('ms since 1970');

const backupAnswer: z.ZodType<BackupStatus> = z.object({
  directory: z.string().describe('there when the state is done'),
  state: z.enum(['running', 'done', 'cancelled', 'failed']),
  startedMs: ms(),
  endedMs: ms().nullable(),
  doneBytes: z.number(),
  totalBytes: z.number().describe('0 until it is known'),
  report: z
    .object({
      files: z.number(),
      bytes: z.number(),
      unreadable: z
        .array(z.object({ topic: z.string(), partition: z.number(), from: z.string(), to: z.string() }))
        .readonly()
        .describe('records that the copy cannot give back, because they could not be read'),
    })
    .nullable(),
  problem: z.object({ code: z.string(), message: z.string(), remedy: z.string().nullable() }).nullable(),
});

export const logBackup = route({
  method: 'GET',
  path: '/log/backup',
  summary: 'The last backup of the log since the start, under way or not; null: none.',
  access: 'records',
  answers: backupAnswer.nullable(),
  answer: ({ operations: { backups } }) => ({ status: 200, body: backups.backup() }),
});

export const startLogBackup = route({
  method: 'POST',
  path: '/log/backup',
  summary: 'Copies the log as it is at one moment, while commits go on; answers when the copy has begun.',
  access: 'change',
  body: z.strictObject({
    directory: z
      .string()
      .refine(isAbsolute, 'is no absolute path')
      .describe('absolute path on the machine of the instance, absent or empty'),
  }),
  answers: backupAnswer,
  answer: ({ operations: { backups }, body }) => ({ status: 200, body: backups.startBackup(body.directory) }),
});

export const cancelLogBackup = route({
  method: 'DELETE',
  path: '/log/backup',
  summary: 'Ends the backup that is under way; nothing of it is left.',
  access: 'change',
  answers: z.object({ cancelled: z.boolean() }),
  answer: ({ operations: { backups } }) => ({ status: 200, body: { cancelled: backups.cancelBackup() } }),
});
