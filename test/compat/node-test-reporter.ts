/** A reporter for `node --test`: one line of JSON a test. */
import { basename } from 'node:path';

interface TestEvent {
  readonly type: string;
  readonly data: {
    readonly name: string;
    readonly file?: string;
    readonly skip?: boolean | string;
    readonly todo?: boolean | string;
    readonly details?: { readonly type?: string; readonly error?: { readonly message?: string } };
  };
}

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const { name, skip, todo, details } = data;
    // Files and groups of tests are no tests.
    if (details?.type === 'suite' || (name.includes('/') && name.endsWith(basename(data.file ?? '')))) continue;
    const isSkipped = (skip !== undefined && skip !== false) || (todo !== undefined && todo !== false);
    const status = isSkipped ? 'skipped' : type === 'test:pass' ? 'passed' : 'failed';
    yield `${JSON.stringify({ name, status, message: details?.error?.message ?? '' })}\n`;
  }
}
