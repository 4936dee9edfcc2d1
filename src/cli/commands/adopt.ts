import type { Adopted } from '../../contracts/replay.ts';
import type { AnswerCommand } from '../command.ts';
import { CONFIRM_OPTIONS, confirmed } from '../confirm.ts';
import { counted } from '../format.ts';
import { CHANGE_DETAILS, call, INSTANCE_OPTIONS } from '../instance.ts';
import { oneSink } from '../places.ts';

export const adopt: AnswerCommand = {
  kind: 'answer',
  name: 'adopt',
  summary: 'take over a target that another log has fed',
  arguments: 'PIPELINE/SINK',
  details: `For a sink that stands in a gap because its target was written from another log: a restored one, or a new one. The
target may hold rows that this log knows nothing of. The highest version that it holds is read, versions go on above it, every
table is read at the source once more, and the end of that removes what the source does not have. A target whose versions are
more than a day ahead of this machine's clock is refused. ${CHANGE_DETAILS}`,
  options: { ...CONFIRM_OPTIONS, ...INSTANCE_OPTIONS },
  maxWords: 1,
  async run(context) {
    const { pipeline, sink, path } = oneSink(context, 'adopt');
    const name = `${pipeline}/${sink}`;
    const preview = `The tables of ${name} are read at the source once more; rows that are not there are removed from the target.\n`;
    if (!(await confirmed(context, preview, `Adopt the target of ${name}?`))) {
      return { exitCode: 0, summary: `would adopt ${name}`, result: null, text: () => preview };
    }
    const adopted = await call<Adopted>(context, { method: 'POST', path: `${path}/adopt` });
    const summary = `${name} adopted; reading ${counted(adopted.tables.length, 'table')} once more`;
    return { exitCode: 0, summary, result: adopted, text: () => `${summary}\n` };
  },
};
