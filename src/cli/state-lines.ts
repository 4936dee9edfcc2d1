/** Tells the log when a source or sink comes into another state. Problems tell of themselves. */
import type { Control, SinkStatus, SourceStatus, TaskState } from '../contracts/control.ts';
import type { Logger } from '../contracts/plugin.ts';
import { counted } from './format.ts';

const PERIOD_MS = 200;

const WORDS: Readonly<Partial<Record<TaskState, string>>> = {
  snapshot: 'reads the rows that are there',
  streaming: 'follows the changes',
  running: 'delivers',
};

/** Returns what ends it. */
export function watchStates(control: Control, log: Logger): () => void {
  const last = new Map<string, TaskState>();
  const look = () => {
    for (const { name, sources, sinks } of control.status().pipelines) {
      for (const source of sources) tell(last, log, { source: source.name }, source);
      for (const sink of sinks) tell(last, log, { sink: `${name}/${sink.name}` }, sink);
    }
  };
  look();
  const timer = setInterval(look, PERIOD_MS);
  return () => clearInterval(timer);
}

function tell(
  last: Map<string, TaskState>,
  log: Logger,
  label: Readonly<Record<string, string>>,
  task: SourceStatus | SinkStatus,
): void {
  const key = JSON.stringify(label);
  const before = last.get(key);
  if (before === task.state) return;
  last.set(key, task.state);
  const words = WORDS[task.state];
  // The runtime itself tells of problems and of their end.
  if (words === undefined || before === 'retrying') return;
  const after = before === 'snapshot' && 'rows' in task ? ` after ${counted(task.rows, 'row')}` : '';
  log('info', `${words}${after}`, { ...label, state: task.state });
}
