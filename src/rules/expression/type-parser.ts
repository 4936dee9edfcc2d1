/** Names of types: `integer`, `numeric(10, 2)`, `timestamp with time zone`. */
import type { TypeName } from './ast.ts';
import { TokenStream } from './token-stream.ts';

export class TypeParser extends TokenStream {
  protected typeName(): TypeName {
    const { kind, at, text } = this.peek;
    if (kind !== 'word') this.unexpected('a type');
    this.next++;
    const words = [text.toLowerCase()];
    const more = (word: string) => {
      const { kind: next, text: found } = this.peek;
      if (next !== 'word' || found.toLowerCase() !== word) return false;
      words.push(word);
      this.next++;
      return true;
    };
    if (words[0] === 'double') more('precision');
    if (words[0] === 'character' || words[0] === 'char') more('varying');
    const modifiers = this.takeSymbol('(') ? this.#modifiers() : [];
    if ((words[0] === 'timestamp' || words[0] === 'time') && (more('with') || more('without'))) {
      if (!more('time') || !more('zone')) this.unexpected('"time zone"');
    }
    const isArray = this.takeSymbol('[');
    if (isArray) this.expectSymbol(']');
    return { name: words.join(' '), modifiers, isArray, at, end: this.end };
  }

  #modifiers(): number[] {
    const found: number[] = [];
    do {
      const negative = this.takeSymbol('-');
      const { kind, text } = this.peek;
      if (kind !== 'number' || !/^\d{1,9}$/.test(text)) this.unexpected('a whole number');
      this.next++;
      found.push(negative ? -Number(text) : Number(text));
    } while (this.takeSymbol(','));
    this.expectSymbol(')');
    return found;
  }
}
