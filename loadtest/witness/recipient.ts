import type { Answer } from './answers.ts';
import { type Book, gotLine, notedLine, stationPlace } from './books.ts';
import { type Delivered, type LineAnswer, type Notice, readOutput } from './output-frame.ts';

/** What a line's station sends back for each delivery. */
export const confirmations = ['link', 'application', 'none'] as const;
export type Confirmation = (typeof confirmations)[number];

export type RecipientOptions = {
  /** The line's name; its place in the book is `station.<name>`. */
  readonly name: string;
  readonly confirm: Confirmation;
  /** Of the station; only application confirmations show it. */
  readonly ori: string;
  readonly gatewayOri: string;
  readonly got: Book;
  readonly noted: Book;
};

const ack = Buffer.from([0x06]);
const nothing = Buffer.alloc(0);

/**
 * The receiving side of a line: books deliveries and notices, and says what confirms them. A confirmation exists only once its fact is
 * in the file, so what we confirmed cannot be missing from the book.
 */
export class Recipient {
  readonly #options: RecipientOptions;
  readonly counts = { got: 0, marked: 0, expired: 0, dead: 0, unconfirmed: 0 };

  constructor(options: RecipientOptions) {
    this.#options = options;
  }

  /** Takes what one read brought. `confirmation` goes back on the same session; `answers`, in order, are for frames of ours. */
  take(came: readonly Answer[]): { readonly confirmation: Buffer; readonly answers: readonly LineAnswer[] } {
    const { gatewayOri, got, noted } = this.#options;
    const confirmed: Buffer[] = [];
    const answers: LineAnswer[] = [];
    for (const one of came) {
      const frame = one.kind === 'frame' ? readOutput(one.text, gatewayOri) : one;
      switch (frame.kind) {
        case 'delivery':
          this.#book(frame);
          confirmed.push(this.#confirmation(frame));
          break;
        case 'notice':
          this.#note(frame);
          confirmed.push(this.#confirmation(frame));
          break;
        case 'unreadable':
          this.#book({ key: '-', control: '', receivedCount: '?', isMarked: false });
          break;
        default:
          answers.push(frame);
      }
    }
    got.flush();
    noted.flush();
    return { confirmation: Buffer.concat(confirmed), answers };
  }

  #book({ key, control, receivedCount, isMarked }: Omit<Delivered, 'kind' | 'sentCount'>): void {
    this.counts.got += 1;
    if (isMarked) this.counts.marked += 1;
    const line = gotLine({
      deliveryId: receivedCount,
      // No header shows it: what is sent again here is marked.
      generation: 1,
      control: word(control),
      key,
      place: stationPlace(this.#options.name),
      priorityClass: undefined,
      laneSeq: undefined,
      isMarked,
      deliveryCount: 0,
      atMs: Date.now(),
    });
    this.#options.got.add(line);
  }

  #note({ of, control, destination, isMarked }: Notice): void {
    this.counts[of] += 1;
    const { name, noted } = this.#options;
    const fact = { control: word(control), kind: of, destination, line: name, isMarked, atMs: Date.now() };
    noted.add(notedLine(fact));
  }

  #confirmation({ sentCount }: { readonly sentCount: string }): Buffer {
    const { confirm, ori, gatewayOri } = this.#options;
    if (confirm === 'none') return nothing;
    if (confirm === 'link') return ack;
    return Buffer.from(`\x02ACK.${ori}.${gatewayOri}.TXT${sentCount}\x03`, 'latin1');
  }
}

const word = (text: string): string => (text === '' ? '-' : text.replaceAll(/\s/g, '?'));
