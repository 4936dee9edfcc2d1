/** `localhost`, 127.0.0.0/8 or ::1: addresses that only this machine can reach. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true;
  const parts = /^127\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(host)?.slice(1);
  return parts?.every((part) => Number(part) < 256) === true;
}
