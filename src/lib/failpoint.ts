/**
 * Named points at which a test or the demo kills this process with SIGKILL: `TAILRACE_FAILPOINT=name:N` dies at the
 * N-th time the point is reached (N from 1), after one line on standard error. Unset: does nothing.
 */
export function failpointFrom(spec: string | undefined): (name: string) => void {
  if (spec === undefined || spec === '') return () => {};
  const [wanted, count] = spec.split(':');
  let left = Number(count ?? '1');
  return (name) => {
    if (name !== wanted || --left > 0) return;
    process.stderr.write(`failpoint ${name} reached\n`);
    process.kill(process.pid, 'SIGKILL');
  };
}
