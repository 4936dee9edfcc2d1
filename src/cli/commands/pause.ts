import type { AnswerCommand, CommandContext, Outcome } from '../command.ts';
import { CHANGE_DETAILS, call, INSTANCE_OPTIONS } from '../instance.ts';
import { sinkPlace } from '../places.ts';

export const pause: AnswerCommand = {
  kind: 'answer',
  name: 'pause',
  summary: 'stop a sink until it is resumed',
  arguments: 'PIPELINE[/SINK]',
  details: `The sources go on, and the log keeps what the sink has not had. It stays paused over restarts. ${CHANGE_DETAILS}`,
  options: INSTANCE_OPTIONS,
  maxWords: 1,
  run: (context) => tell(context, 'pause', 'paused'),
};

export const resume: AnswerCommand = {
  kind: 'answer',
  name: 'resume',
  summary: 'start a sink that was paused or has stopped',
  arguments: 'PIPELINE[/SINK]',
  details: `Also one that has stopped by itself, after too many dead letters for example: it tries once more. ${CHANGE_DETAILS}`,
  options: INSTANCE_OPTIONS,
  maxWords: 1,
  run: (context) => tell(context, 'resume', 'resumed'),
};

async function tell(context: CommandContext, verb: 'pause' | 'resume', done: string): Promise<Outcome> {
  const { pipeline, sink } = sinkPlace(context, verb);
  const path = `/pipelines/${encodeURIComponent(pipeline)}/${verb}`;
  const result = await call<{ readonly sinks: readonly string[] }>(context, { method: 'POST', path, body: { sink } });
  const summary = `${done}: ${result.sinks.join(', ')}`;
  return { exitCode: 0, summary, result, text: () => `${summary}\n` };
}
