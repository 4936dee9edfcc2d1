/** Where the stream is: file, position, and when the file was begun. */
import { TailraceError } from '../../src/sdk/index.ts';
import * as event from './binlog-event.ts';
import { FileSequence } from './log-files.ts';
import { type FilePlace, fileNumber } from './position.ts';

const WORD = 2 ** 32;

export interface StreamPlaceOptions {
  readonly from: FilePlace & { readonly begun: number };
  /** The file in which the stream begins at the latest; what is between it and a later one is not known. */
  readonly known: string;
  /** The server crashed while it wrote the file. Throws when that cannot be gone past. */
  readonly crashed: (file: string) => void;
}

export class StreamPlace {
  file: string;
  pos: number;
  /** Second in which the file was begun: files are of one name again after a RESET. */
  begun: number;
  readonly #files = new FileSequence(null);
  readonly #known: number;
  readonly #crashed: (file: string) => void;

  constructor({ from, known, crashed }: StreamPlaceOptions) {
    this.file = from.file;
    this.pos = from.pos;
    this.begun = from.begun;
    this.#known = fileNumber(known);
    this.#crashed = crashed;
  }

  /** Moves on in the file; positions of events have 32 bits, files may be longer. */
  advance(buf: Buffer, from: number): void {
    const flags = buf.readUInt16LE(from + 17);
    const end = buf.readUInt32LE(from + 13);
    // Zero stands for no position, unless the event ends just there.
    const isNone = end === 0 && (this.pos + buf.readUInt32LE(from + 9)) % WORD !== 0;
    // A heartbeat says up to where there was nothing to send.
    if (isNone || (flags & event.ARTIFICIAL) !== 0 || buf[from + 4] === event.EventType.HEARTBEAT_V2) return;
    const pos = this.pos;
    let reached = Math.floor(pos / WORD) * WORD + end;
    if (pos - reached > WORD / 2) reached += WORD;
    if (reached > pos) this.pos = reached;
  }

  /** When the next file was begun says its first event, before anything of it is given out as a position. */
  rotate(buf: Buffer, from: number, end: number): undefined {
    const first = this.#files.file === '';
    const crashed = this.#files.rotate(buf, from, end);
    if (crashed !== null) this.#crashed(crashed);
    const { file, pos } = event.rotateEvent(buf, from, end);
    if (first && fileNumber(file) > this.#known) {
      throw new TailraceError('source.unreachable', `the server began ${file} while the reading was prepared`);
    }
    this.file = file;
    this.pos = pos;
    return undefined;
  }

  stop(): undefined {
    this.#files.stop();
    return undefined;
  }
}
