/** The keys of `tailrace.yaml`. The reference page is made from them. */
import { z } from 'zod';
import { durationMs, secret, sizeBytes } from '../lib/schema.ts';
import { kafkaKeys } from './kafka-keys.ts';
import { isLoopback } from './loopback.ts';
import { name } from './pipeline-keys.ts';

const MIN_MEMORY_BYTES = 32 * 1024 * 1024;

export const instanceKeys = z.strictObject({
  instance: name()
    .default('main')
    .describe('Name of this instance: part of the names it uses in sources, so that two can read one database.'),
  data_dir: z
    .string()
    .min(1)
    .default('./data')
    .describe('Directory of the log, relative to this file. Made when it does not exist. One process at a time.'),
  http: z
    .union([
      z.literal(false),
      z.strictObject({
        host: z
          .string()
          .refine(isLoopback, {
            error: 'must be a loopback address such as 127.0.0.1: the API has no authentication',
          })
          .default('127.0.0.1')
          .describe('Address to listen on. Only loopback addresses.'),
        port: z.int().min(0).max(65_535).default(7_600).describe('Port to listen on; 0 takes a free one.'),
      }),
    ])
    .prefault({})
    .describe('The HTTP API; `false` turns it off.'),
  kafka: kafkaKeys.optional().describe('Serves the log to any Kafka client. Left out: it is not served.'),
  memory: sizeBytes()
    .refine((bytes) => bytes >= MIN_MEMORY_BYTES, { error: 'must be at least 32MB' })
    .prefault('256MB')
    .describe('Budget of all buffers of the process, e.g. `512MB`.'),
  hold_limit: z
    .strictObject({
      time: durationMs()
        .prefault('7d')
        .describe('Age past its topic’s own retention at which an unread record is deleted all the same.'),
      size: sizeBytes().optional().describe('Of all that is kept only for sinks; a fifth of the disk when left out.'),
    })
    .prefault({})
    .describe('What sinks that have not read it may keep in the log. A sink that falls behind it has a `gap`.'),
  plugins: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'Plugins whose types and steps pipelines may use: names of npm packages in this project, or paths (`./…`) of files or directories, relative to this file. They run with all rights of the process.',
    ),
  mask_key: secret().min(1).optional().describe('Secret key of `mask: hash`. Keep it: another key makes other hashes.'),
});
