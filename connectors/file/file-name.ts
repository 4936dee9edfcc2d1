/** Bytes outside `[A-Za-z0-9._-]`, and a leading dot, as `_xHH`: a name cannot leave its directory or hide. */
export function asFileName(name: string): string {
  const escaped = [...Buffer.from(name)].map((byte, i) => {
    const character = String.fromCharCode(byte);
    const plain = /[A-Za-z0-9._-]/.test(character) && !(i === 0 && character === '.');
    return plain ? character : `_x${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  });
  return escaped.join('');
}
