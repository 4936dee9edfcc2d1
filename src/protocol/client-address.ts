/**
 * Address of a client as rules name it: an IPv4 client of a socket that listens on IPv6 as well comes as `::ffff:10.0.0.1`, and a
 * rule about 10.0.0.1 is about it too.
 */
export function clientAddress(remoteAddress: string | undefined): string {
  return (remoteAddress ?? '').replace(/^::ffff:(?=\d{1,3}(?:\.\d{1,3}){3}$)/i, '');
}
